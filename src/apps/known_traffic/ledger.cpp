#include "apps/known_traffic/ledger.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <tuple>
#include <utility>

#include "base/json_writer.h"

namespace netwatch::known_traffic {
namespace {

// proc_pid_stat(5): the name may hold blanks and parentheses, the state follows the last one.
std::uint64_t own_start_ticks() {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return std::strtoull(field.c_str(), nullptr, 10);
}

std::uint64_t start_ticks() {
  static pid_t pid = 0;
  static std::uint64_t ticks = 0;
  if (pid != ::getpid()) {
    pid = ::getpid();
    ticks = own_start_ticks();
  }
  return ticks;
}

const char* name_of(Kind kind) {
  constexpr std::array kNames = {"short",  "lasting",   "datagrams", "older",
                                 "shared", "inherited", "executed"};
  return kNames[static_cast<std::size_t>(kind)];
}

void write_end(base::JsonWriter& json, const char* name, const model::Endpoint& end) {
  if (end.port == 0) return;
  json.key(name);
  json.begin_object();
  json.key("ip");
  json.string(end.address.to_string());
  json.key("port");
  json.uint(end.port);
  json.end_object();
}

void write_process(base::JsonWriter& json, const Row& row) {
  json.key("pid");
  json.uint(row.pid);
  json.key("start_ticks");
  json.uint(row.start_ticks);
  json.key("name");
  json.string(row.comm.data());
  json.key("l4");
  json.string(row.proto == model::ip_proto::kTcp ? "tcp" : "udp");
}

void write_bytes(base::JsonWriter& json, const Row& row) {
  json.key("sent_bytes");
  json.integer(row.sent);
  json.key("received_bytes");
  json.integer(row.received);
}

void write_socket(std::string& out, const Row& row) {
  base::JsonWriter json(out);
  json.begin_object();
  json.key("type");
  json.string("socket");
  json.key("kind");
  json.string(name_of(row.kind));
  write_process(json, row);
  write_end(json, "local", row.local);
  write_end(json, "remote", row.remote);
  if (row.is_client) {
    json.key("peer_pid");
    json.uint(row.peer_pid);
  }
  write_bytes(json, row);
  json.key("sent_before_bytes");
  json.integer(row.sent_before);
  json.key("received_before_bytes");
  json.integer(row.received_before);
  if (row.is_unconnected) {
    json.key("unconnected");
    json.boolean(true);
  }
  json.key("opened_ns");
  json.integer(row.opened_ns);
  json.key("closed_ns");
  json.integer(row.closed_ns);
  json.end_object();
  out += '\n';
}

}  // namespace

void fail(const char* what) {
  std::perror(what);
  std::_Exit(1);
}

Ledger::Ledger(std::size_t rows) : fd_(::memfd_create("ledger", 0)) {
  const std::size_t bytes = sizeof(Shared) + rows * sizeof(Row);
  if (fd_ < 0 || ::ftruncate(fd_, static_cast<off_t>(bytes)) != 0) fail("memfd_create");
  map(bytes);
  shared_->capacity = rows;
}

Ledger Ledger::inherited(int fd) {
  Ledger ledger;
  ledger.fd_ = fd;
  struct stat status{};
  if (::fstat(fd, &status) != 0) fail("fstat");
  ledger.map(static_cast<std::size_t>(status.st_size));
  return ledger;
}

void Ledger::map(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (memory == MAP_FAILED) fail("mmap");
  bytes_ = bytes;
  shared_ = static_cast<Shared*>(memory);  // zeros are a Shared without rows
}

Ledger::~Ledger() {
  if (shared_ != nullptr) ::munmap(shared_, bytes_);
}

Ledger::Ledger(Ledger&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      bytes_(other.bytes_),
      shared_(std::exchange(other.shared_, nullptr)) {}

void Ledger::add(Row row) {
  row.pid = static_cast<std::uint32_t>(::getpid());
  row.start_ticks = start_ticks();
  ::prctl(PR_GET_NAME, row.comm.data());
  row.closed_ns = base::wall_clock_ns();
  const std::size_t at = shared_->used.fetch_add(1);
  if (at >= shared_->capacity) fail("the ledger is full");
  shared_->rows()[at] = row;
}

std::span<const Row> Ledger::rows() const {
  return {shared_->rows(), std::min(shared_->used.load(), shared_->capacity)};
}

void Ledger::write(const std::string& path) const {
  std::string out;
  std::map<std::tuple<std::uint32_t, std::uint64_t, std::uint8_t>, Row> sums;
  for (const Row& row : rows()) {
    write_socket(out, row);
    const auto [sum, is_new] = sums.try_emplace({row.pid, row.start_ticks, row.proto}, row);
    if (is_new) continue;
    sum->second.sent += row.sent;
    sum->second.received += row.received;
  }
  for (const auto& [key, sum] : sums) {
    base::JsonWriter json(out);
    json.begin_object();
    json.key("type");
    json.string("process");
    write_process(json, sum);
    write_bytes(json, sum);
    json.end_object();
    out += '\n';
  }
  std::ofstream file(path);
  file << out;
  if (!file.flush()) fail(path.c_str());
}

}  // namespace netwatch::known_traffic
