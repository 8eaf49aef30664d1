#include "apps/netwatch/file_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <utility>
#include <vector>

#include "apps/netwatch/complaint.h"
#include "apps/netwatch/exit_code.h"
#include "capture/opened_file.h"
#include "confine/confine.h"
#include "pipeline/file_session.h"
#include "tui/terminal.h"

namespace netwatch::app {
namespace {

int not_possible(const base::Error& error) {
  complain(error.message);
  return kExitNotPossible;
}

// Everything is opened before rights are given up; nothing is read yet.
int open_files(const std::vector<std::string>& paths, std::vector<capture::OpenedFile>& files) {
  for (const std::string& path : paths) {
    files.push_back(capture::OpenedFile::open(path));
    if (const auto& trouble = files.back().trouble()) {
      complain(trouble->message);
      return kExitBrokenInput;
    }
    if (!files.back().is_stream()) continue;
    complain(
        fmt::format("{} can be read only once, and going back in time reads it again: write "
                    "it to a file first, or let `netwatch read` read it",
                    path == "-" ? "standard input" : path));
    return kExitUsage;
  }
  return kExitOk;
}

base::Result<confine::Confinement> give_up_rights(const LiveOptions& options,
                                                  const tui::Terminal& terminal,
                                                  const ConfigFile& file) {
  confine::Plan plan;
  plan.mode = confine::mode_of(options.confine).value_or(confine::Mode::kStrict);
  plan.written = {STDOUT_FILENO, STDERR_FILENO, terminal.signal_write_fd()};
  if (const auto fd = file.written_fd()) plan.written.push_back(*fd);
  plan.terminal = true;
  return confine::confine(plan);
}

}  // namespace

int show_files(const LiveOptions& options, tui::AppOptions screen, const ConfigFile& file) {
  std::vector<capture::OpenedFile> files;
  if (const int status = open_files(options.files, files); status != kExitOk) return status;
  auto opened = tui::Terminal::open();
  if (!opened.ok()) return not_possible(opened.error());
  std::unique_ptr<tui::Terminal> terminal = *std::move(opened);
  const auto confined = give_up_rights(options, *terminal, file);
  if (!confined.ok()) {
    terminal.reset();  // the words are for the ordinary screen
    return not_possible(confined.error());
  }
  auto session = pipeline::FileSession::start(std::move(files), {confined->ability()});
  if (!session.ok()) {
    terminal.reset();
    complain(session.error().message);
    return kExitBrokenInput;
  }
  pipeline::FileSession& running = **session;
  screen.control = [&running](const model::PlaybackCommand& command) { running.post(command); };
  int status = tui::App([&running] { return running.latest(); }, std::move(screen)).run(*terminal);
  terminal.reset();
  for (const base::Error& error : running.errors()) {
    complain(error.message);
    if (status == kExitOk) status = kExitBrokenInput;
  }
  return status;
}

}  // namespace netwatch::app
