// Evaluation allocates nothing: it runs for every record and, on screen, for every flow.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "query/filter_fixture.h"

namespace {
std::size_t allocations = 0;  // of this test program
}  // namespace

// Not inlined: GCC would take free() for the wrong partner of a new expression.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace netwatch::query {
namespace {

TEST(FilterEvaluation, AllocatesNothing) {
  const auto filter = Filter::parse(
      "tls and ip.addr == 10.0.0.0/8 or sni:nowhere or nothere or owner.exe contains \"python\" or "
      "tls.sni matches \"(a+)+b{2,9}$\" or community_id == x or history contains \"Q\" or "
      "tls.alpn in {\"a\", \"b\"} or not port in {1..65535} or flow == 1 or rtt_us > 1h",
      fixture::catalog());
  ASSERT_TRUE(filter) << filter.error().message;
  const model::Flow flow = fixture::web_flow();
  model::RecordBuilder builder;
  builder.start(fixture::kTls, 0);
  builder.add_text(fixture::kSni, std::string(400, 'a'));
  builder.add_text(fixture::kAlpn, "h2");

  const std::size_t before = allocations;
  EXPECT_GT(before, 0U);
  Filter::Evidence evidence;
  filter->note(evidence, builder.view());
  const bool verdict = filter->matches(flow, evidence);
  const std::size_t after = allocations;
  EXPECT_EQ(after, before);
  EXPECT_FALSE(verdict);
}

}  // namespace
}  // namespace netwatch::query
