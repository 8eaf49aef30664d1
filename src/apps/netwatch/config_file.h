#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/config.h"
#include "confine/file_keeper.h"

namespace netwatch::app {

// config.toml of whoever uses the program: read at the start, and written when that is asked for,
// by a process that has the rights of that user alone.
class ConfigFile {
 public:
  // `path` as given by --config, which has to be there; empty: the usual place, where there may be
  // none. Before any thread. An error is fit to be said as it is.
  static base::Result<std::unique_ptr<ConfigFile>> open(const std::string& path);

  [[nodiscard]] const base::Config& config() const { return config_; }
  // "config.toml:3:9", of what it says of a setting.
  [[nodiscard]] std::string place_of(std::string_view setting) const;

  // Asks for changes to be written; returns at once.
  base::Status save(const std::vector<base::ConfigChange>& changes);
  // What became of it, never waiting: the path, or why not.
  std::optional<base::Result<std::string>> saved();
  // What write(2) is needed for; none: nothing is written.
  [[nodiscard]] std::optional<int> written_fd() const;

 private:
  std::string path_;  // empty: there is no place for one
  std::unique_ptr<confine::FileKeeper> keeper_;
  std::string text_;     // as it is in the file
  std::string pending_;  // as it will be
  base::Config config_;
};

// $XDG_CONFIG_HOME/netwatch/config.toml, else below ~/.config: of the user who asked root to start
// this, where there is one. Empty: no home is known.
std::string usual_config_path();

}  // namespace netwatch::app
