#pragma once

#include "model/field.h"
#include "model/flow.h"
#include "model/record.h"

namespace netwatch::model {

// The fields of a flow itself, as filter, columns and exports see them: "ip.src", "tcp.port",
// "owner.name", ... Lists where both ends count (ip.addr, port).
const Schema& flow_schema();

// Ids into flow_schema().fields.
enum class FlowField : std::uint8_t {
  kIpAddr,
  kIpSrc,
  kIpDst,
  kPort,
  kSrcPort,
  kDstPort,
  kTcpPort,
  kUdpPort,
  kL4,
  kApp,
  kName,
  kNameFrom,
  kPackets,
  kWireBytes,
  kIpBytes,
  kPayloadBytes,
  kRetransmitted,
  kLostBytes,
  kRttUs,
  kConnState,
  kHistory,
  kDurationUs,
  kCommunityId,
  kOwnerName,
  kOwnerPid,
  kOwnerExe,
  kOwnerUser,
  kOwnerQuality,
  kFlowId,
  kOutOfOrder,
  kDuplicateAcks,
  kZeroWindows,
  kSynRetries,
  kResets,
  kOrigRttUs,
  kRespRttUs,
  kOrigRttMinUs,
  kRespRttMinUs,
  kAnswerUs,
  kParent,
};

// The values of one field of a flow, appended to `builder` (which must have been started with
// flow_schema()). Nothing is added where a value is unknown; only owner.quality says "unknown".
void add_flow_field(RecordBuilder& builder, const Flow& flow, FlowField field);

}  // namespace netwatch::model
