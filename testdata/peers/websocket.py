#!/usr/bin/python3
"""Clients and a server of WebSocket by the websockets library.

usage: websocket.py server ADDRESS PORT | mqtt|plain|deflate URL"""
import asyncio
import sys

import websockets


async def echo(socket):
    async for message in socket:
        await socket.send(message)
        if message == "bye":
            return await socket.close(4001, "as you like")


async def server(address, port):
    async with websockets.serve(echo, address, int(port), ping_interval=None,
                                subprotocols=["wamp.2.json"]):
        await asyncio.Future()


async def mqtt(url):
    connect = b"\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06socket"
    publish = b"\x30\x0f\x00\x0bhome/socketon"
    async with websockets.connect(url, subprotocols=["mqtt"], ping_interval=None) as socket:
        await socket.send(connect)
        await socket.recv()
        # A packet in two messages, two packets in one (OASIS MQTT 5.0 section 6).
        await socket.send(publish[:5])
        await socket.send(publish[5:] + publish)
        await socket.send(b"\xc0\x00")
        await socket.recv()


async def plain(url):
    async with websockets.connect(url, compression=None, ping_interval=None) as socket:
        for i in range(12):
            await socket.send(f"line {i}\n" if i != 1 else ["a frag", "mented ", "line\n"])
            await socket.recv()
        await (await socket.ping(b"here?"))
        await socket.close(1001, "going away")


async def deflate(url):
    async with websockets.connect(url, subprotocols=["wamp.2.json"], ping_interval=None) as socket:
        for message in ("hello " * 40, bytes(range(200)), "bye"):
            await socket.send(message)
            await socket.recv()
        await socket.wait_closed()


asyncio.run(globals()[sys.argv[1]](*sys.argv[2:]))
