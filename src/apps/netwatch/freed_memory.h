#pragma once

namespace netwatch::app {

// From here on what is freed goes back to the system at once, in blocks of 128 KiB and more. For
// sessions that allocate as much once a second (the tables of a look) and little between: 5 MiB of
// 38 with 10,000 sockets. Not for capture, whose batches would fault their pages in anew each time.
void give_back_freed_memory();

}  // namespace netwatch::app
