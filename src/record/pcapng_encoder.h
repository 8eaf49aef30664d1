#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "model/packet.h"

namespace netwatch::record {

// Packets and notes as the blocks of pcapng files (draft-ietf-opsawg-pcapng), always little-endian:
// one interface block per (source, interface, linktype), as they are described or used. A further
// section is begun where a note describes one with other options. Keeps the options of interfaces
// (16 MiB, beyond it only their snaplens) and, if files follow each other, the names and secrets
// that later files need, too (64 MiB).
class PcapngEncoder {
 public:
  PcapngEncoder(std::string application, bool repeats)
      : application_(std::move(application)), repeats_(repeats) {}

  void append(std::string& out, const model::Packet& packet);
  void append(std::string& out, const model::CaptureNote& note);
  // The section's header, if it is not there yet.
  void begin_section(std::string& out);
  // What comes next begins a file: it says again what its packets need.
  void begin_file();

  // Of the file that was begun, what was said in earlier ones.
  [[nodiscard]] std::uint64_t repeated_in_file() const { return repeated_in_file_; }
  // Names and secrets that were too many to be said again in later files.
  [[nodiscard]] std::uint64_t not_repeated() const { return not_repeated_; }

 private:
  struct Key {
    std::uint32_t source;
    std::uint32_t interface;
    std::uint16_t linktype;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  struct Description {
    std::uint32_t snaplen = 0;
    std::string options;
  };

  std::uint32_t interface_of(std::string& out, const Key& key);
  void section(const model::CaptureNote& note);
  void describe(const Key& key, const model::CaptureNote& note);
  void repeat_later(const std::string& out, std::size_t from);

  std::string application_;
  bool repeats_;
  std::string section_options_;
  bool section_begun_ = false;
  std::size_t description_bytes_ = 0;
  std::string repeated_;  // blocks of names and secrets
  bool repeat_due_ = false;
  std::uint64_t repeated_in_file_ = 0;
  std::uint64_t not_repeated_ = 0;
  std::unordered_map<Key, Description, Hash> descriptions_;
  std::unordered_map<Key, std::uint32_t, Hash> interfaces_;  // of this section of this file
  std::optional<std::pair<Key, std::uint32_t>> last_;        // of the packet before
};

}  // namespace netwatch::record
