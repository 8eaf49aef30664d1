#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "dpi/parts/short_text.h"
#include "model/flow.h"

namespace netwatch::dpi {

// What a connection remembers: logins, shares, open files and requests without an answer. Each
// table has a few rows; the oldest gives way. Rows of the first three are found by a handle, which
// is kNone, or nobody's any more once the row has given way.
class SmbMemory {
 public:
  using Handle = std::uint16_t;
  static constexpr Handle kNone = 0;

  struct User {
    std::uint64_t session = 0;
    Handle handle = kNone;
    ShortText<62> name;
  };
  struct Tree {
    std::uint64_t session = 0;
    std::uint32_t id = 0;
    Handle handle = kNone;
    ShortText<89> share;
  };
  struct File {
    std::uint64_t id = 0;  // valid once `open`
    std::uint64_t read_bytes = 0;
    std::uint64_t written_bytes = 0;
    Handle handle = kNone;  // kNone once it is closed: it gives way first
    bool open = false;
    bool listed = false;  // a directory whose first listing was reported
    ShortText<123> name;
  };
  struct Request {
    std::uint64_t id = 0;
    base::TimeNs time_ns = 0;
    std::uint64_t session = 0;
    std::uint32_t tree = 0;
    Handle subject = kNone;  // a user, a tree or a file, as the command has it
    std::uint8_t command = 0;
    model::Side side = model::Side::kOriginator;
    bool used = false;
    bool quiet = false;  // the answer is reported if it is an error
  };

  Handle add_user(std::uint64_t session, std::string_view name);
  Handle add_tree(std::string_view share);
  Handle add_file(std::string_view name);
  void ask(const Request& request);
  // The request of the other side with this number, which waits no more. `used` is false if there
  // is none; `side` is the answer's own if it is that side's request that has the number.
  Request answer(std::uint64_t id, std::uint8_t command, model::Side side);

  // Null if there is none, or none any more.
  [[nodiscard]] User* user(Handle handle) { return find(users_, handle); }
  [[nodiscard]] Tree* tree(Handle handle) { return find(trees_, handle); }
  [[nodiscard]] File* file(Handle handle) { return find(files_, handle); }
  [[nodiscard]] std::string_view user_of(std::uint64_t session) const;
  [[nodiscard]] std::string_view share_of(std::uint64_t session, std::uint32_t tree) const;
  [[nodiscard]] Handle file_of(std::uint64_t id) const;

 private:
  template <typename Row, std::size_t kRows>
  static Row* find(std::array<Row, kRows>& rows, Handle handle) {
    auto* const found = std::ranges::find(rows, handle, &Row::handle);
    return handle == kNone || found == rows.end() ? nullptr : &*found;
  }
  Handle next_handle() {
    if (++last_handle_ == kNone) ++last_handle_;
    return last_handle_;
  }

  std::array<User, 3> users_{};
  std::array<Tree, 6> trees_{};
  std::array<File, 10> files_{};
  std::array<Request, 18> requests_{};
  Handle last_handle_ = kNone;
  std::uint8_t next_user_ = 0;
  std::uint8_t next_tree_ = 0;
  std::uint8_t next_file_ = 0;
  std::uint8_t next_request_ = 0;
};

}  // namespace netwatch::dpi
