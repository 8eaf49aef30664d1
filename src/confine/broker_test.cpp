#include "confine/broker.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

namespace netwatch::confine {
namespace {

constexpr BpfInstruction kReturnAll{.code = 0x06, .if_true = 0, .if_false = 0, .k = 0x40000};

CaptureRequest some_request() {
  return {.interface = "eth0",
          .cooked = true,
          .promiscuous = false,
          .ring_mebibytes = 64,
          .filter = {{.code = 0x28, .if_true = 0, .if_false = 0, .k = 12},
                     {.code = 0x15, .if_true = 0, .if_false = 1, .k = 0x0800},
                     kReturnAll,
                     {.code = 0x06, .if_true = 0, .if_false = 0, .k = 0}}};
}

// Opens a file in memory that holds what was asked for.
base::Result<OpenedCapture> open_memory(const CaptureRequest& request) {
  if (request.interface == "none") {
    return base::Error{base::ErrorCode::kNotFound, "no interface is called 'none'"};
  }
  const int fd = ::memfd_create("netwatch", MFD_CLOEXEC);
  const std::string text = request.interface + ' ' + std::to_string(request.filter.size()) +
                           (request.cooked ? " c" : "");
  if (::pwrite(fd, text.data(), text.size(), 0) < 0) return base::errno_error(errno, "memfd");
  return OpenedCapture{.fd = fd, .ifindex = 7};
}

base::Result<SocketHolders> many_holders() {
  SocketHolders out;
  for (std::uint32_t i = 0; i < 5000; ++i) out.rows.push_back({.inode = i * 3ULL, .pid = i});
  out.processes = 11;
  out.unreadable_processes = 2;
  out.hides_processes = true;
  return out;
}

constexpr std::uint32_t kNamespaces = 600;

base::Result<NetworkNamespaces> many_namespaces() {
  NetworkNamespaces out;
  for (std::uint32_t i = 1; i <= kNamespaces; ++i) {
    out.rows.push_back({.inode = i, .pid = i * 2, .own = i == 5, .name = ""});
  }
  out.rows[0].name = std::string(111, 'n');
  out.rows[1].name = std::string(112, 'n');
  out.unreadable_processes = 3;
  out.not_kept = 4;
  out.may_enter = true;
  return out;
}

base::Result<int> dump_memory(const SocketDumpRequest& request) {
  if (request.netns == 404) return base::Error{base::ErrorCode::kNotFound, "it has gone"};
  const int fd = ::memfd_create("netwatch", MFD_CLOEXEC);
  const std::string text = std::to_string(request.netns) + ' ' + std::to_string(request.table);
  if (::pwrite(fd, text.data(), text.size(), 0) < 0) return base::errno_error(errno, "memfd");
  return fd;
}

std::string read_all(int fd) {
  std::array<char, 64> text{};
  const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  return {text.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
}

std::unique_ptr<BrokerClient> start() {
  auto client = BrokerClient::start({.open_capture = open_memory, .socket_holders = many_holders});
  EXPECT_TRUE(client.ok());
  return *std::move(client);
}

// One that may enter namespaces.
std::unique_ptr<BrokerClient> start_visitor() {
  auto client = BrokerClient::start({.open_capture = open_memory,
                                     .socket_holders = many_holders,
                                     .namespaces = many_namespaces,
                                     .socket_dump = dump_memory});
  EXPECT_TRUE(client.ok());
  return *std::move(client);
}

// The capabilities of a broker as its status says them, and all of that.
std::string status_of(const BrokerClient& client) {
  std::ifstream status("/proc/" + std::to_string(client.pid()) + "/status");
  std::string text;
  for (std::string line; std::getline(status, line);) text += line + '\n';
  return text;
}

TEST(Broker, RequestsArriveAsTheyWereSent) {
  CaptureRequest all = some_request();
  all.promiscuous = true;
  all.interface = "a23456789012345";
  all.filter.assign(CaptureRequest::kMaxInstructions, kReturnAll);
  for (const Request& request : {Request(some_request()), Request(all), Request(HoldersRequest{}),
                                 Request(NamespacesRequest{}),
                                 Request(SocketDumpRequest{.netns = 4026531840, .table = 4})}) {
    const auto parsed = parse_request(encode(request));
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(*parsed, request);
  }
}

TEST(Broker, AnythingElseIsRefused) {
  const auto good = encode(Request(some_request()));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(parse_request(base::Bytes(good).first(size)).ok()) << size;
  }
  const auto refuses = [&](std::size_t at, std::uint8_t byte, const char* why) {
    auto bad = good;
    bad[at] = byte;
    EXPECT_FALSE(parse_request(bad).ok()) << why;
  };
  refuses(0, 9, "a kind that is not on the list");
  refuses(4, 0, "no ring");
  refuses(6, 1, "a ring of 64 GiB");
  refuses(8, 0, "no name");
  refuses(9, '/', "a path for a name");
  refuses(23, 'x', "a name without an end");
  refuses(13, 'x', "something behind the name");
  refuses(24, 5, "more instructions than there are");
  refuses(28, 2, "a flag that is neither on nor off");
  refuses(30, 1, "what is to be zero");
  refuses(32 + 8 + 3, 9, "a jump out of the filter");
  refuses(32 + 3 * 8, 0x28, "a filter without an end");
  auto longer = good;
  longer.push_back(0);
  EXPECT_FALSE(parse_request(longer).ok());
  CaptureRequest empty = some_request();
  empty.filter.clear();
  EXPECT_FALSE(parse_request(encode(Request(empty))).ok());
  for (const Request& request : {Request(HoldersRequest{}), Request(NamespacesRequest{}),
                                 Request(SocketDumpRequest{.netns = 1, .table = 0})}) {
    auto more = encode(request);
    more.push_back(0);
    EXPECT_FALSE(parse_request(more).ok());
    more.resize(more.size() - 2);
    EXPECT_FALSE(parse_request(more).ok());
  }
  EXPECT_FALSE(parse_request(encode(Request(SocketDumpRequest{.netns = 0, .table = 0}))).ok());
  EXPECT_FALSE(parse_request(encode(Request(SocketDumpRequest{.netns = 1, .table = 5}))).ok());
}

TEST(Broker, PassesDescriptors) {
  const auto client = start();
  for (int i = 0; i < 3; ++i) {
    const auto opened = client->open_capture(some_request());
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ(opened->ifindex, 7U);
    EXPECT_EQ(read_all(opened->fd), "eth0 4 c");
    ::close(opened->fd);
  }
}

TEST(Broker, AnswersInRowsOfManyMessages) {
  const auto client = start();
  const auto holders = client->socket_holders();
  ASSERT_TRUE(holders.ok()) << holders.error().message;
  ASSERT_EQ(holders->rows.size(), 5000U);
  EXPECT_EQ(holders->rows[4999].inode, 4999U * 3);
  EXPECT_EQ(holders->rows[4999].pid, 4999U);
  EXPECT_EQ(holders->processes, 11U);
  EXPECT_EQ(holders->unreadable_processes, 2U);
  EXPECT_TRUE(holders->hides_processes);
}

TEST(Broker, TellsNamespacesAndPassesSocketsInThem) {
  const auto client = start_visitor();
  const auto told = client->namespaces();
  ASSERT_TRUE(told.ok()) << told.error().message;
  ASSERT_EQ(told->rows.size(), kNamespaces);
  EXPECT_EQ(told->rows[599].inode, 600U);
  EXPECT_EQ(told->rows[599].pid, 1200U);
  EXPECT_TRUE(told->rows[4].own);
  EXPECT_FALSE(told->rows[5].own);
  EXPECT_EQ(told->rows[0].name, std::string(111, 'n'));
  EXPECT_EQ(told->rows[1].name, "") << "half a name would be another's";
  EXPECT_EQ(told->unreadable_processes, 3U);
  EXPECT_EQ(told->not_kept, 4U);
  EXPECT_TRUE(told->may_enter);
  const auto fd = client->socket_dump({.netns = 77, .table = 3});
  ASSERT_TRUE(fd.ok()) << fd.error().message;
  EXPECT_EQ(read_all(*fd), "77 3");
  ::close(*fd);
  EXPECT_EQ(client->socket_dump({.netns = 404, .table = 3}).error().message, "it has gone");
}

TEST(Broker, WithoutTheDutyNamespacesAreRefused) {
  const auto client = start();
  EXPECT_EQ(client->namespaces().error().code, base::ErrorCode::kUnsupported);
  EXPECT_EQ(client->socket_dump({.netns = 1, .table = 0}).error().code,
            base::ErrorCode::kUnsupported);
  EXPECT_TRUE(client->socket_holders().ok());
}

TEST(Broker, TellsWhyADutyFailed) {
  const auto client = start();
  CaptureRequest request = some_request();
  request.interface = "none";
  const auto refused = client->open_capture(request);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, base::ErrorCode::kNotFound);
  EXPECT_EQ(refused.error().message, "no interface is called 'none'");
  EXPECT_TRUE(client->alive());
}

// A worker that was taken over says what it likes; the next honest question is answered.
TEST(Broker, OutlivesNonsense) {
  const auto client = start();
  const std::string all(40'000, 'x');
  for (const std::size_t size : {1UL, 4UL, 31UL, 32UL, 4096UL, 32'800UL, 40'000UL}) {
    ASSERT_EQ(::write(client->fd(), all.data(), size), static_cast<ssize_t>(size));
    std::array<char, 1024> answer{};
    EXPECT_GT(::recv(client->fd(), answer.data(), answer.size(), 0), 48) << size;
  }
  EXPECT_TRUE(client->socket_holders().ok());
}

TEST(Broker, AnswersThreadsOneAfterTheOther) {
  const auto client = start();
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 20; ++k) {
        if (i % 2 == 0) {
          const auto opened = client->open_capture(some_request());
          if (opened.ok()) good += ::close(opened->fd) == 0 ? 1 : 0;
        } else {
          good += client->socket_holders().ok() ? 1 : 0;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 80);
}

TEST(Broker, ItsDeathIsTold) {
  const auto client = start();
  EXPECT_TRUE(client->alive());
  ASSERT_EQ(::kill(client->pid(), SIGKILL), 0);
  for (int i = 0; i < 100 && client->alive(); ++i) ::usleep(10'000);
  EXPECT_FALSE(client->alive());
  EXPECT_EQ(client->open_capture(some_request()).error().code, base::ErrorCode::kIo);
  EXPECT_EQ(client->socket_holders().error().code, base::ErrorCode::kIo);
}

TEST(Broker, KeepsOnlyTheRightsOfItsDuties) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto client = start();
  ASSERT_TRUE(client->socket_holders().ok());  // it has given up the rest by now
  const std::string text = status_of(*client);
  // CAP_DAC_READ_SEARCH 2, CAP_NET_RAW 13, CAP_SYS_PTRACE 19
  EXPECT_NE(text.find("CapEff:\t0000000000082004"), std::string::npos) << text;
  EXPECT_NE(text.find("CapBnd:\t0000000000000000"), std::string::npos) << text;
  EXPECT_NE(text.find("NoNewPrivs:\t1"), std::string::npos) << text;
  EXPECT_EQ(text.find("Uid:\t0"), std::string::npos) << text;
  // And CAP_SYS_ADMIN 21, where namespaces are entered.
  const auto visitor = start_visitor();
  ASSERT_TRUE(visitor->socket_holders().ok());
  const std::string more = status_of(*visitor);
  EXPECT_NE(more.find("CapEff:\t0000000000282004"), std::string::npos) << more;
  EXPECT_NE(more.find("CapBnd:\t0000000000000000"), std::string::npos) << more;
}

}  // namespace
}  // namespace netwatch::confine
