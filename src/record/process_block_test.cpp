#include "record/process_block.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/crypto.h"

namespace netwatch::record {
namespace {

model::Process process_of(std::uint32_t pid, const char* comm) {
  model::Process process;
  process.pid = pid;
  process.comm = comm;
  return process;
}

model::Owner owner_of(model::Process process, model::Quality quality, model::OwnerVia via) {
  return {.quality = quality,
          .via = via,
          .holders = 1,
          .process = std::make_shared<const model::Process>(std::move(process))};
}

std::string hex_of_options(const model::PacketOwners& owners, Annotation annotation) {
  std::vector<std::uint8_t> out;
  append_owner_options(out, owners, annotation);
  return base::to_hex(out);
}

std::string hex_of_body(const model::Owner& owner) {
  std::vector<std::uint8_t> out;
  append_process_body(out, owner);
  return base::to_hex(out);
}

const model::Owner kCurl =
    owner_of(process_of(0x1234, "curl"), model::Quality::kExact, model::OwnerVia::kEbpf);
const model::Owner kNginx =
    owner_of(process_of(77, "nginx"), model::Quality::kInferred, model::OwnerVia::kSockDiag);

TEST(OwnerComment, NamesWhoSendsAndWhoGetsIt) {
  EXPECT_EQ(owner_comment({.sender = &kCurl}), "from curl[4660] exact via ebpf");
  EXPECT_EQ(owner_comment({.receiver = &kNginx}), "to nginx[77] inferred via sock_diag");
  EXPECT_EQ(owner_comment({.sender = &kCurl, .receiver = &kNginx}),
            "from curl[4660] exact via ebpf to nginx[77] inferred via sock_diag");
  EXPECT_EQ(owner_comment({}), "");
}

TEST(OwnerComment, TextOfAProcessCannotMoveACursor) {
  const model::Owner evil =
      owner_of(process_of(1, "a\x1b[2Jb\xff"), model::Quality::kExact, model::OwnerVia::kEbpf);
  EXPECT_EQ(owner_comment({.sender = &evil}), "from a\\x1b[2Jb\\xff[1] exact via ebpf");
  // Once: the same name as in its process block.
  EXPECT_NE(
      hex_of_options({.sender = &evil}, Annotation::kComments).find("66726f6d20615c7831625b324a62"),
      std::string::npos);
}

// opt_comment (1), then epb_processid_threadid (8): process and thread, little-endian.
TEST(OwnerOptions, EveryByte) {
  const std::string comment =
      "01001e00"
      "66726f6d206375726c5b343636305d206578616374207669612065627066"
      "0000";
  const std::string link =
      "08000800"
      "34120000"
      "00000000";
  EXPECT_EQ(hex_of_options({.sender = &kCurl}, Annotation::kBoth), comment + link);
  EXPECT_EQ(hex_of_options({.sender = &kCurl}, Annotation::kComments), comment);
  EXPECT_EQ(hex_of_options({.sender = &kCurl}, Annotation::kBlocks), link);
  EXPECT_EQ(hex_of_options({}, Annotation::kBoth), "") << "unknown is absent";
}

TEST(OwnerOptions, OfTwoProcessesTheSenderIsLinked) {
  EXPECT_EQ(hex_of_options({.sender = &kNginx, .receiver = &kCurl}, Annotation::kBlocks),
            "08000800"
            "4d000000"
            "00000000");
  EXPECT_EQ(linked_owner({.receiver = &kCurl}), &kCurl);
}

TEST(ProcessBody, EveryByte) {
  model::Process process = process_of(1234, "curl");
  process.parent_pid = 1;
  process.uid = 1000;
  process.started_ns = 0x0102030405060708;
  process.exe = "/usr/bin/curl";
  process.cmdline = "curl -u user:secret";
  process.user = "alice";
  const model::Owner owner =
      owner_of(std::move(process), model::Quality::kExact, model::OwnerVia::kEbpf);
  EXPECT_EQ(hex_of_body(owner),
            "6e7f0000"  // private enterprise number 32622
            "03000000"  // a process
            "4c000000"  // bytes from here to the end
            "d2040000"
            "020004006375726c"
            "03000d002f7573722f62696e2f6375726c000000"
            "0500040001000000"
            "06000400e8030000"
            "07000500616c696365000000"
            "090008000807060504030201"
            "00000000");
}

TEST(ProcessBody, WhatIsNotKnownIsAbsent) {
  const model::Owner owner =
      owner_of(process_of(9, "x"), model::Quality::kInferred, model::OwnerVia::kProcNet);
  EXPECT_EQ(hex_of_body(owner),
            "6e7f0000"
            "03000000"
            "10000000"
            "09000000"
            "0200010078000000"
            "00000000")
      << "user 0 is root only where somebody said so";
  EXPECT_NE(
      hex_of_body(owner_of(process_of(9, "x"), model::Quality::kExact, model::OwnerVia::kEbpf))
          .find("0600040000000000"),
      std::string::npos);
}

}  // namespace
}  // namespace netwatch::record
