#pragma once

#include "model/field.h"
#include "model/record.h"
#include "model/socket.h"

namespace netwatch::model {

// The fields that a socket has and a flow has not, by the names that NDJSON gives them: "state",
// "local.ip", "remote.port", ... Those of its owner and of either end are the flow's own.
const Schema& socket_schema();

// The socket as a record of that schema, into `builder`. What the kernel does not say is left out.
void add_socket_fields(RecordBuilder& builder, const Socket& socket);

}  // namespace netwatch::model
