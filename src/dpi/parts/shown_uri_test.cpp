#include "dpi/parts/shown_uri.h"

#include <gtest/gtest.h>

#include <string>

namespace netwatch::dpi {
namespace {

std::string shown(std::string_view uri) { return std::string(ShownUri(uri).text()); }

TEST(ShownUri, HasNoPassword) {
  EXPECT_EQ(shown("rtsp://admin:secret@cam/1?x=a@b"), "rtsp://admin:***@cam/1?x=a@b");
  EXPECT_EQ(shown("http://a:sec@ret@host#x"), "http://a:***@host#x");
  EXPECT_EQ(shown("sip:alice:se/cret?@example.org;x=1"), "sip:alice:***@example.org;x=1");
  EXPECT_EQ(shown("https://token@host/x"), "https://***@host/x");
  EXPECT_EQ(shown("//u:secret@host/x"), "//u:***@host/x");
  EXPECT_EQ(shown("a-scheme-of-many-letters://u:secret@h"), "a-scheme-of-many-letters://u:***@h");
  EXPECT_EQ(shown("SIPS:alice:secret@example.org"), "SIPS:alice:***@example.org");
}

TEST(ShownUri, LeavesAloneWhatHasNone) {
  for (const char* uri :
       {"rtsp://cam:554/1", "sip:alice@example.org:5060", "*", "tel:+1", "", "rtsp://cam/a@b:c",
        "sip:example.org:5060", "/a:b:c@d", "ftp://u@h/", "/x://u:p@h"}) {
    EXPECT_EQ(shown(uri), uri);
  }
}

TEST(ShownUri, IsBounded) {
  const std::string uri = "http://u:secret@h/" + std::string(10'000, 'x');
  EXPECT_EQ(shown(uri).size(), ShownUri::kMaxBytes);
  EXPECT_EQ(shown("http://u" + std::string(10'000, 'x') + ":secret@h").find("secret"),
            std::string::npos);
}

TEST(AuthorityOf, IsTheHostWithoutItsUser) {
  EXPECT_EQ(authority_of("http://u:p@example.org:80/x@y").host, "example.org:80");
  EXPECT_EQ(authority_of("sip:u@example.org;transport=tcp").host, "example.org");
  EXPECT_EQ(authority_of("/x://y").host, "");
  EXPECT_EQ(authority_of("example.org").host, "");
  EXPECT_EQ(authority_of("//index.php").host, "");  // of a request it is a path
}

}  // namespace
}  // namespace netwatch::dpi
