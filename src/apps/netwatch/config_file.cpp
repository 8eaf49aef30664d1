#include "apps/netwatch/config_file.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "apps/netwatch/complaint.h"
#include "confine/confine.h"
#include "tui/settings.h"

namespace netwatch::app {
namespace {

// Relative ones are to be ignored (XDG Base Directory Specification, "Basics").
// Root alone, without a user who has asked for it, goes by what is root's: su(1) leaves HOME as it
// was.
std::string folder_from_environment(const char* name) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  if (text == nullptr || *text != '/') return {};
  struct stat folder{};
  const bool anothers = ::geteuid() == 0 && ::stat(text, &folder) == 0 && folder.st_uid != 0;
  return anothers ? std::string() : text;
}

base::Status check(std::string_view text) {
  const auto parsed = base::parse_config(text, tui::settings());
  if (parsed) return base::ok_status();
  return base::Error{base::ErrorCode::kInvalid, parsed.error().render("settings")};
}

}  // namespace

std::string usual_config_path() {
  std::string folder = folder_from_environment("XDG_CONFIG_HOME");
  if (folder.empty()) {
    std::string home = folder_from_environment("HOME");
    if (const auto user = confine::less_privileged_user(); user && user->known) {
      // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread
      const passwd* const found = ::getpwuid(user->uid);
      home = found != nullptr && found->pw_dir != nullptr ? found->pw_dir : "";
    }
    if (home.empty()) return {};
    folder = home + "/.config";
  }
  return folder + "/netwatch/config.toml";
}

base::Result<std::unique_ptr<ConfigFile>> ConfigFile::open(const std::string& path) {
  auto out = std::make_unique<ConfigFile>();
  out->path_ = path.empty() ? usual_config_path() : path;
  if (out->path_.empty()) return out;
  auto keeper = confine::FileKeeper::start(
      {.path = out->path_, .max_bytes = base::kMaxConfigBytes, .check = check});
  if (!keeper.ok()) return keeper.error();
  out->keeper_ = *std::move(keeper);
  const auto& text = out->keeper_->text();
  if (text.ok() && confine::has_lent_rights()) {
    // Who starts it may write anything there, and must not reach the rights of the program's file
    // by it.
    const std::string why = out->path_ + " is not read by a program that lends rights (setcap)";
    if (!path.empty()) return base::Error{base::ErrorCode::kDenied, why};
    complain(why);
    out->keeper_.reset();
    return out;
  }
  if (!text.ok()) {
    if (!path.empty()) return text.error();
    if (text.error().code == base::ErrorCode::kNotFound) return out;
    if (text.error().code != base::ErrorCode::kDenied) return text.error();
    // As somebody else who has kept HOME: what may not be read is not theirs.
    complain(text.error().message + ": without the settings that are there");
    return out;
  }
  out->text_ = *text;
  auto parsed = base::parse_config(out->text_, tui::settings());
  if (!parsed) return base::Error{base::ErrorCode::kInvalid, parsed.error().render(out->path_)};
  out->config_ = *std::move(parsed);
  return out;
}

std::string ConfigFile::place_of(std::string_view setting) const {
  const auto found = config_.find(setting);
  if (found == config_.end()) return path_;
  return path_ + ":" + std::to_string(found->second.line) + ":" +
         std::to_string(found->second.column);
}

base::Status ConfigFile::save(const std::vector<base::ConfigChange>& changes) {
  if (!keeper_) return base::Error{base::ErrorCode::kNotFound, "no home folder is known"};
  const std::string before = text_.empty() ? base::default_config(tui::settings()) : text_;
  auto text = base::changed_config(before, tui::settings(), changes);
  if (!text) return base::Error{base::ErrorCode::kInvalid, text.error().render(path_)};
  pending_ = *std::move(text);
  return keeper_->write(pending_);
}

std::optional<base::Result<std::string>> ConfigFile::saved() {
  if (!keeper_) return std::nullopt;
  const auto told = keeper_->written();
  if (!told) return std::nullopt;
  if (!told->ok()) return base::Result<std::string>(told->error());
  text_ = std::exchange(pending_, {});
  return base::Result<std::string>(path_);
}

std::optional<int> ConfigFile::written_fd() const {
  return keeper_ ? std::optional(keeper_->fd()) : std::nullopt;
}

}  // namespace netwatch::app
