#include "dpi/protocols.h"

#include <array>

namespace netwatch::dpi {

// One row per protocol: declare it, then list it.
extern const ProtocolDef kTls;
extern const ProtocolDef kQuic;
extern const ProtocolDef kDtls;
extern const ProtocolDef kProxy;
extern const ProtocolDef kOpenvpn;
extern const ProtocolDef kRdpudp;
extern const ProtocolDef kRdp;
extern const ProtocolDef kDhcp;
extern const ProtocolDef kDhcpv6;
extern const ProtocolDef kNtp;
extern const ProtocolDef kSnmp;
extern const ProtocolDef kSsdp;
extern const ProtocolDef kStun;
extern const ProtocolDef kSyslog;
extern const ProtocolDef kRadius;
extern const ProtocolDef kTftp;
extern const ProtocolDef kNbns;
extern const ProtocolDef kNbdgm;
extern const ProtocolDef kKerberos;
extern const ProtocolDef kWireguard;
extern const ProtocolDef kCoap;
extern const ProtocolDef kIke;
extern const ProtocolDef kBtDht;
extern const ProtocolDef kUtp;
extern const ProtocolDef kHttp;
extern const ProtocolDef kMdns;
extern const ProtocolDef kLlmnr;
extern const ProtocolDef kDns;
extern const ProtocolDef kSsh;
extern const ProtocolDef kFtp;
extern const ProtocolDef kSmtp;
extern const ProtocolDef kImap;
extern const ProtocolDef kPop3;
extern const ProtocolDef kTelnet;
extern const ProtocolDef kSocks;
extern const ProtocolDef kRedis;
extern const ProtocolDef kMysql;
extern const ProtocolDef kPgsql;
extern const ProtocolDef kMemcached;
extern const ProtocolDef kMemcachedBinary;
extern const ProtocolDef kMqtt;
extern const ProtocolDef kIrc;
extern const ProtocolDef kSip;
extern const ProtocolDef kRtsp;
extern const ProtocolDef kLdap;
extern const ProtocolDef kVnc;
extern const ProtocolDef kAmqp;
extern const ProtocolDef kMongodb;
extern const ProtocolDef kKafka;
extern const ProtocolDef kXmpp;
extern const ProtocolDef kGquic;
extern const ProtocolDef kFtpData;
extern const ProtocolDef kBittorrent;
extern const ProtocolDef kHttp2;
extern const ProtocolDef kWebsocket;
extern const ProtocolDef kNbss;
extern const ProtocolDef kSmb;
extern const ProtocolDef kNfs;
extern const ProtocolDef kSunrpc;
extern const ProtocolDef kModbus;
extern const ProtocolDef kDnp3;
extern const ProtocolDef kBgp;
extern const ProtocolDef kDcerpc;
extern const ProtocolDef kIec104;
extern const ProtocolDef kS7comm;
extern const ProtocolDef kS7commPlus;
extern const ProtocolDef kEnip;
extern const ProtocolDef kFix;
extern const ProtocolDef kBacnet;
extern const ProtocolDef kOpcua;
extern const ProtocolDef kTds;
extern const ProtocolDef kNntp;
extern const ProtocolDef kMgcp;
extern const ProtocolDef kPptp;
extern const ProtocolDef kTns;
extern const ProtocolDef kGit;
extern const ProtocolDef kLisp;
extern const ProtocolDef kRx;
extern const ProtocolDef kGtp;
extern const ProtocolDef kSflow;
extern const ProtocolDef kBjnp;
extern const ProtocolDef kDropbox;
extern const ProtocolDef kCollectd;
extern const ProtocolDef kNetflow;
extern const ProtocolDef kDiameter;
extern const ProtocolDef kCql;
extern const ProtocolDef kNats;
extern const ProtocolDef kRtcp;
extern const ProtocolDef kRtp;
extern const ProtocolDef kIcmp;
extern const ProtocolDef kIcmp6;
extern const ProtocolDef kIgmp;
extern const ProtocolDef kSctp;

namespace {

// clang-format off: one row a line
constexpr std::array kTable{
    &kTls,
    &kQuic,
    &kDtls,
    &kProxy,
    &kOpenvpn,
    &kRdpudp,
    &kRdp,
    &kDhcp,
    &kDhcpv6,
    &kNtp,
    &kSnmp,
    &kSsdp,
    &kStun,
    &kSyslog,
    &kRadius,
    &kTftp,
    &kNbns,
    &kNbdgm,
    &kKerberos,
    &kWireguard,
    &kCoap,
    &kIke,
    &kBtDht,
    &kUtp,
    &kHttp,
    &kMdns,
    &kLlmnr,
    &kDns,
    &kSsh,
    &kFtp,
    &kSmtp,
    &kImap,
    &kPop3,
    &kTelnet,
    &kSocks,
    &kRedis,
    &kMysql,
    &kPgsql,
    &kMemcached,
    &kMemcachedBinary,
    &kMqtt,
    &kIrc,
    &kSip,
    &kRtsp,
    &kLdap,
    &kVnc,
    &kAmqp,
    &kMongodb,
    &kKafka,
    &kXmpp,
    &kGquic,
    &kFtpData,
    &kBittorrent,
    &kHttp2,
    &kWebsocket,
    &kNbss,
    &kSmb,
    &kNfs,
    &kSunrpc,
    &kModbus,
    &kDnp3,
    &kBgp,
    &kDcerpc,
    &kIec104,
    &kS7comm,
    &kS7commPlus,
    &kEnip,
    &kFix,
    &kBacnet,
    &kOpcua,
    &kTds,
    &kNntp,
    &kMgcp,
    &kPptp,
    &kTns,
    &kGit,
    &kLisp,
    &kRx,
    &kGtp,
    &kSflow,
    &kBjnp,
    &kDropbox,
    &kCollectd,
    &kNetflow,
    &kDiameter,
    &kCql,
    &kNats,
    &kRtcp,
    &kRtp,
    &kIcmp,
    &kIcmp6,
    &kIgmp,
    &kSctp,
};
// clang-format on

}  // namespace

std::span<const ProtocolDef* const> protocols() { return kTable; }

}  // namespace netwatch::dpi
