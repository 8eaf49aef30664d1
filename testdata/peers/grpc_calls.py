#!/usr/bin/python3
"""Calls of gRPC without generated code: messages are bytes.

usage: grpc_calls.py server|client ADDRESS:PORT"""
import sys
from concurrent import futures

import grpc

SERVICE = "shop.v1.Orders"


def find(request, context):
    if request == b"missing":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such order")
    return b"order " + request


def watch(request, context):
    for i in range(3):
        yield b"%d" % i


def serve(address):
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {
        "Find": grpc.unary_unary_rpc_method_handler(find),
        "Watch": grpc.unary_stream_rpc_method_handler(watch)})])
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


def call(address):
    with grpc.insecure_channel(address) as channel:
        find_one = channel.unary_unary(f"/{SERVICE}/Find")
        token = [("authorization", "Bearer secret")]
        find_one(b"1", metadata=token)
        find_one(b"2", metadata=token)
        for request, name in ((b"missing", "Find"), (b"x", "Cancel")):
            try:
                channel.unary_unary(f"/{SERVICE}/{name}")(request, timeout=5)
            except grpc.RpcError as error:
                print(error.code())
        print(list(channel.unary_stream(f"/{SERVICE}/Watch")(b"")))


serve(sys.argv[2]) if sys.argv[1] == "server" else call(sys.argv[2])
