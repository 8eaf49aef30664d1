// XMPP: RFC 6120 sections 4 (streams), 5 (STARTTLS, after which TLS is handed on), 6 (SASL), 8
// (stanzas). Tags are read, not XML: what they hold is passed over, but the client's login, of
// which the name is reported.
#include <algorithm>
#include <array>

#include "dpi/parts/line_decoder.h"
#include "dpi/parts/sasl.h"
#include "dpi/protocol.h"

namespace netwatch::dpi {
namespace {

using model::FieldDef;
using model::Privacy;
using model::Role;
using model::Side;
using std::string_view;

enum Kind : std::uint8_t { kStream, kAuthKind, kTlsKind, kStanza };
enum Field : std::uint8_t {
  kTo,
  kFrom,
  kVersion,
  kNamespace,
  kAuth,
  kUser,
  kElement,
  kType,
};

constexpr string_view kKinds[] = {"stream", "auth", "starttls", "stanza"};
constexpr FieldDef kFields[] = {
    {.name = "xmpp.to",
     .help = "whom a stream or a stanza is for; of a client's stream the server's name",
     .role = Role::kHostName,
     .privacy = Privacy::kPersonal},
    {.name = "xmpp.from", .help = "whom it is from", .privacy = Privacy::kPersonal},
    {.name = "xmpp.version", .help = "version of the stream", .role = Role::kVersion},
    {.name = "xmpp.namespace", .help = "jabber:client, jabber:server, ..."},
    {.name = "xmpp.auth", .help = "authentication mechanism"},
    {.name = "xmpp.user",
     .help = "name the client logs in with",
     .role = Role::kUser,
     .privacy = Privacy::kPersonal},
    {.name = "xmpp.element",
     .help = "iq, message, presence; starttls, proceed, success, failure",
     .role = Role::kMethod,
     .max_bytes = 32},
    {.name = "xmpp.type", .help = "type of the stanza", .max_bytes = 32},
};
constexpr model::Schema kSchema{
    .proto = "xmpp", .title = "XMPP", .kinds = kKinds, .fields = kFields};

constexpr std::size_t kMaxTagBytes = 8192;

// The value of an attribute: name='value' or name="value".
string_view attribute(string_view tag, string_view name) {
  for (std::size_t at = tag.find(name); at != string_view::npos; at = tag.find(name, at + 1)) {
    const bool begins =
        at > 0 && (tag[at - 1] == ' ' || tag[at - 1] == '\n' || tag[at - 1] == '\t');
    const string_view rest = tag.substr(at + name.size());
    if (!begins || rest.size() < 3 || rest[0] != '=' || (rest[1] != '\'' && rest[1] != '"'))
      continue;
    const std::size_t end = rest.find(rest[1], 2);
    if (end != string_view::npos) return rest.substr(2, end - 2);
  }
  return {};
}

// A name without its prefix: "stream:stream" is "stream".
string_view name_of(string_view tag) {
  const string_view name = tag.substr(0, tag.find_first_of(" \t\r\n/>"));
  const std::size_t colon = name.find(':');
  return colon == string_view::npos ? name : name.substr(colon + 1);
}

constexpr string_view kStreamTag = "<stream:stream";
constexpr string_view kDeclaration = "<?xml";

// Without the XML declaration and blanks before the first tag.
string_view skip_declaration(string_view text) {
  if (text.starts_with(kDeclaration)) {
    const std::size_t end = text.find("?>");
    if (end == string_view::npos) return {};
    text.remove_prefix(end + 2);
  }
  text.remove_prefix(std::min(text.find_first_not_of(" \r\n\t"), text.size()));
  return text;
}

Probe probe_xmpp(const ProbeInput& input) {
  Probe best = Probe::kNo;
  for (base::Bytes bytes : input.sides) {
    const string_view text = base::as_text(bytes);
    if (text.empty() || text[0] != '<') continue;
    for (string_view begin : {kDeclaration, kStreamTag}) {
      const std::size_t seen = std::min(text.size(), begin.size());
      if (text.substr(0, seen) == begin.substr(0, seen)) best = Probe::kMore;
    }
    const string_view tag = skip_declaration(text);
    const std::size_t seen = std::min(tag.size(), kStreamTag.size());
    if (tag.substr(0, seen) != kStreamTag.substr(0, seen)) return Probe::kNo;
    if (seen == kStreamTag.size()) return Probe::kYes;
    if (text.size() > 512) return Probe::kNo;
  }
  return best;
}

class XmppDecoder final : public Decoder {
 public:
  Step on_bytes(const model::StreamChunk& chunk, Context& context) override;
  Verdict on_gap(const model::StreamChunk& chunk, Context& /*context*/) override {
    // How deep the next tag lies is not known: only a new stream tells.
    sides_[model::index(chunk.side)] = {.lost = true};
    return Verdict::kFine;
  }

 private:
  struct SideState {
    std::uint8_t depth = 0;  // of open elements; the stream itself is 1
    bool lost = false;
    bool in_auth = false;  // the text that follows is the client's first response
  };
  enum class Next : std::uint8_t { kGoOn, kHandOn };

  Next tag(string_view inside, const model::StreamChunk& chunk, Context& context);
  Next child(string_view inside, string_view name, Side side, Context& context);
  void stream(string_view inside, Side side, Context& context);
  void auth(string_view mechanism, string_view response, Side side, Context& context);

  std::array<SideState, 2> sides_;
  std::array<char, 16> mechanism_{};
  std::uint8_t mechanism_size_ = 0;
  bool known_ = false;
  bool tls_asked_ = false;
};

Step XmppDecoder::on_bytes(const model::StreamChunk& chunk, Context& context) {
  SideState& side = sides_[model::index(chunk.side)];
  const string_view bytes = base::as_text(chunk.bytes);
  Step step;
  while (step.consumed < bytes.size()) {
    const string_view rest = bytes.substr(static_cast<std::size_t>(step.consumed));
    if (tls_asked_ && rest.starts_with("\x16\x03")) {
      context.hand_on();
      return step;
    }
    const std::size_t open = rest.find('<');
    if (open == string_view::npos) {
      // A response that is being sent is wanted whole.
      if (!side.in_auth || rest.size() > kMaxTagBytes) step.consumed = bytes.size();
      break;
    }
    if (side.in_auth) {
      side.in_auth = false;
      auth({mechanism_.data(), mechanism_size_}, rest.substr(0, open), chunk.side, context);
    }
    const std::size_t end = rest.find('>', open);
    if (end == string_view::npos) {
      const bool too_long = rest.size() - open > kMaxTagBytes;
      if (too_long) context.odd("tag_too_long");
      if (too_long) side = {.lost = true};
      step.consumed += too_long ? rest.size() : open;
      break;
    }
    step.consumed += end + 1;
    if (tag(rest.substr(open + 1, end - open - 1), chunk, context) == Next::kHandOn) {
      context.hand_on();
      return step;
    }
  }
  if (chunk.cut) {
    step.consumed = bytes.size();
    side = {.lost = true};
  }
  return step;
}

XmppDecoder::Next XmppDecoder::tag(string_view inside, const model::StreamChunk& chunk,
                                   Context& context) {
  SideState& side = sides_[model::index(chunk.side)];
  if (inside.empty() || inside[0] == '?' || inside[0] == '!') return Next::kGoOn;
  if (inside.starts_with("stream:stream")) {
    side = {.depth = 1};
    stream(inside, chunk.side, context);
    return Next::kGoOn;
  }
  if (side.lost) return Next::kGoOn;
  if (inside[0] == '/') {
    if (side.depth > 0) --side.depth;
    return Next::kGoOn;
  }
  const std::uint8_t depth = side.depth;
  const bool empty = inside.ends_with('/');
  if (!empty) {
    if (side.depth == 255) {
      context.odd("too_deep");
      side = {.lost = true};
      return Next::kGoOn;
    }
    ++side.depth;
  }
  if (depth != 1) return Next::kGoOn;
  const string_view name = name_of(inside);
  if (name == "auth") {
    const string_view mechanism = attribute(inside, "mechanism");
    mechanism_size_ = static_cast<std::uint8_t>(std::min(mechanism.size(), mechanism_.size()));
    std::copy_n(mechanism.begin(), mechanism_size_, mechanism_.begin());
    side.in_auth = !empty;
    if (empty) auth(mechanism, {}, chunk.side, context);
    return Next::kGoOn;
  }
  return child(inside, name, chunk.side, context);
}

// Section 4.7.
void XmppDecoder::stream(string_view inside, Side side, Context& context) {
  if (!known_) {
    // A server's answer has an identifier; the one who asks comes first if both are there.
    const bool answer = !attribute(inside, "id").empty();
    context.set_originator(answer ? model::other(side) : side);
  }
  known_ = true;
  model::RecordBuilder& record = context.record();
  record.start(kSchema, kStream);
  const auto add = [&](Field field, string_view value) {
    if (!value.empty()) record.add_text(field, value);
  };
  add(kTo, attribute(inside, "to"));
  add(kFrom, attribute(inside, "from"));
  add(kVersion, attribute(inside, "version"));
  add(kNamespace, attribute(inside, "xmlns"));
  context.emit(side);
}

void XmppDecoder::auth(string_view mechanism, string_view response, Side side, Context& context) {
  model::RecordBuilder& record = context.record();
  record.start(kSchema, kAuthKind);
  record.add_text(kAuth, mechanism);
  if (const auto user = sasl_user(mechanism, 0, response)) record.add_text(kUser, *user);
  context.emit(side);
}

XmppDecoder::Next XmppDecoder::child(string_view inside, string_view name, Side side,
                                     Context& context) {
  model::RecordBuilder& record = context.record();
  const bool stanza = name == "iq" || name == "message" || name == "presence";
  const bool outcome =
      name == "starttls" || name == "proceed" || name == "success" || name == "failure";
  if (!stanza && !outcome) return Next::kGoOn;
  record.start(kSchema, stanza                                   ? kStanza
                        : name == "success" || name == "failure" ? kAuthKind
                                                                 : kTlsKind);
  record.add_text(kElement, name);
  if (stanza) {
    const string_view type = attribute(inside, "type");
    const string_view to = attribute(inside, "to");
    const string_view from = attribute(inside, "from");
    if (!type.empty()) record.add_text(kType, type);
    if (!to.empty()) record.add_text(kTo, to);
    if (!from.empty()) record.add_text(kFrom, from);
  }
  context.emit(side);
  if (name == "starttls") tls_asked_ = true;
  return name == "proceed" ? Next::kHandOn : Next::kGoOn;
}

constexpr std::uint16_t kPorts[] = {5222, 5269};

}  // namespace

extern const ProtocolDef kXmpp;
constinit const ProtocolDef kXmpp{
    .name = "xmpp",
    .transport = Transport::kTcp,
    .first = FirstBytes::of("<"),
    .usual_ports = kPorts,
    .probe = probe_xmpp,
    .schema = &kSchema,
    .state_bytes = sizeof(XmppDecoder),
    .make = make_decoder<XmppDecoder>,
};

}  // namespace netwatch::dpi
