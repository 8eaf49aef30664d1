#pragma once

#include <string>
#include <string_view>

#include "model/sample.h"

// What a Tracker can do and cannot, in words.
namespace netwatch::ebpf {

inline constexpr std::string_view kTypes = "kernel types (BTF)";
inline constexpr std::string_view kCgroups = "cgroup2 tree";
inline constexpr std::string_view kOwners = "exact owners";
inline constexpr std::string_view kPayload = "payload of every socket";
inline constexpr std::string_view kPeers = "payload by peer of UDP sockets";
inline constexpr std::string_view kPrograms = "short-lived programs";

model::Ability on(std::string_view name);
model::Ability off(std::string_view name, std::string why, std::string fix = {});
// Why the kernel took no program, by errno of bpf(2).
model::Ability refused(std::string_view name, int failure);
model::Ability no_types(std::string_view name);

}  // namespace netwatch::ebpf
