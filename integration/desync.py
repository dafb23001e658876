"""Requests that two parsers might read differently, which is how requests are smuggled past a proxy.

After RFC 9112, the mutations that smuggling scanners try, and the differences between servers that the HTTP Garden has
published. Each case is what stands before a second request, CANARY; {} in a head is where its framing is told."""

CANARY = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nConnection: close\r\n\r\nCANARY"
SMUGGLED = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nSMUGGLED"
CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"


def post(*fields: bytes, body: bytes = b"", line: bytes = b"POST /echo HTTP/1.1") -> bytes:
    return b"\r\n".join((line, b"Host: a", *fields)) + b"\r\n\r\n" + body


def chunked(body: bytes, *fields: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", *fields, body=body)


# What is right, if unusual: the body must arrive, and CANARY be answered as a request of its own.
TAKEN = {
    "length": (post(b"Content-Length: 5", body=b"hello"), b"hello"),
    "no body": (post(), b""),
    "length 0": (post(b"Content-Length: 0"), b""),
    "length with zeros before it": (post(b"Content-Length: 0005", body=b"hello"), b"hello"),
    "chunks": (chunked(CHUNKED), b"hello"),
    "chunks, cased": (post(b"tRANSFER-eNCODING: cHUNKED", body=CHUNKED), b"hello"),
    "chunks, blanks around the coding": (post(b"Transfer-Encoding:   chunked  ", body=CHUNKED), b"hello"),
    "chunks, no blank before the coding": (post(b"Transfer-Encoding:chunked", body=CHUNKED), b"hello"),
    "chunk size in capitals": (chunked(b"A\r\n0123456789\r\n0\r\n\r\n"), b"0123456789"),
    "chunk size with zeros before it": (chunked(b"00005\r\nhello\r\n0\r\n\r\n"), b"hello"),
    "chunk extension": (chunked(b"5;a=b\r\nhello\r\n0\r\n\r\n"), b"hello"),
    "quoted chunk extension": (chunked(b'5;a="b;c"\r\nhello\r\n0\r\n\r\n'), b"hello"),
    "last chunk of many zeros": (chunked(b"5\r\nhello\r\n000\r\n\r\n"), b"hello"),
    "trailer": (chunked(b"5\r\nhello\r\n0\r\nX: y\r\n\r\n"), b"hello"),
    "a request in a body": (post(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED), SMUGGLED),
    "a request in a chunk": (chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)), SMUGGLED),
    "absolute form": (post(b"Content-Length: 2", body=b"hi", line=b"POST http://a/echo HTTP/1.1"), b"hi"),
    "an empty line before": (b"\r\n" + post(b"Content-Length: 2", body=b"hi"), b"hi"),
}

# What must be refused: an answer 4xx or 5xx, and nothing behind it.
REFUSED = {
    # Two lengths, or a length and chunks
    "length and chunks": post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=CHUNKED),
    "chunks and length": post(b"Transfer-Encoding: chunked", b"Content-Length: 14", body=CHUNKED),
    "two lengths": post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello"),
    "the same length twice": post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"),
    "a list of lengths": post(b"Content-Length: 5, 5", body=b"hello"),
    "chunks twice": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=CHUNKED),
    "chunks twice in one field": post(b"Transfer-Encoding: chunked, chunked", body=CHUNKED),
    # Lengths that are none
    "no digits": post(b"Content-Length: ", body=b"hello"),
    "a plus": post(b"Content-Length: +5", body=b"hello"),
    "a minus": post(b"Content-Length: -5", body=b"hello"),
    "hexadecimal length": post(b"Content-Length: 0x5", body=b"hello"),
    "an underscore": post(b"Content-Length: 0_5", body=b"hello"),
    "a blank within": post(b"Content-Length: 1 0", body=b"0123456789"),
    "a letter behind": post(b"Content-Length: 5b", body=b"hello"),
    "a decimal point": post(b"Content-Length: 5.0", body=b"hello"),
    "a length beyond 64 bits": post(b"Content-Length: 18446744073709551621", body=b"hello"),
    "a length of another script": post("Content-Length: \u0665".encode(), body=b"hello"),
    # Codings other than chunked, and what only looks like it
    "identity": post(b"Transfer-Encoding: identity", b"Content-Length: 5", body=b"hello"),
    "gzip": post(b"Transfer-Encoding: gzip", body=b"hello"),
    "gzip under chunks": post(b"Transfer-Encoding: gzip, chunked", body=CHUNKED),
    "chunks under gzip": post(b"Transfer-Encoding: chunked, gzip", body=CHUNKED),
    "an unknown coding": post(b"Transfer-Encoding: cow", body=CHUNKED),
    "no coding": post(b"Transfer-Encoding: ", body=CHUNKED),
    "quoted": post(b'Transfer-Encoding: "chunked"', body=CHUNKED),
    "apostrophes": post(b"Transfer-Encoding: 'chunked'", body=CHUNKED),
    "half of it": post(b"Transfer-Encoding: chunk", body=CHUNKED),
    "more of it": post(b"Transfer-Encoding: xchunked", body=CHUNKED),
    "a comma before": post(b"Transfer-Encoding: ,chunked", body=CHUNKED),
    "a parameter": post(b"Transfer-Encoding: chunked;q=1", body=CHUNKED),
    "words around": post(b"Transfer-Encoding: cow chunked bar", body=CHUNKED),
    "on two lines": post(b"Transfer-Encoding:\r\n chunked", body=CHUNKED),
    "two fields, one of them wrong": post(b"Transfer-Encoding: cow", b"Transfer-Encoding: chunked", body=CHUNKED),
    "chunks in HTTP/1.0": post(b"Transfer-Encoding: chunked", body=CHUNKED, line=b"POST /echo HTTP/1.0"),
    # Fields
    "a blank before the colon": post(b"Content-Length : 5", body=b"hello"),
    "a tab before the colon": post(b"Transfer-Encoding\t: chunked", body=CHUNKED),
    "a blank before the name": post(b" Content-Length: 5", body=b"hello"),
    "a folded line": post(b"X: y\r\n z", b"Content-Length: 5", body=b"hello"),
    "no colon": post(b"Content-Length 5", body=b"hello"),
    "no name": post(b": x", b"Content-Length: 5", body=b"hello"),
    "a blank in the name": post(b"Content Length: 5", body=b"hello"),
    "a bare LF between fields": post(b"X: y\nTransfer-Encoding: chunked", body=CHUNKED),
    "a bare CR between fields": post(b"X: y\rTransfer-Encoding: chunked", body=CHUNKED),
    "a CR at the end": post(b"Transfer-Encoding: chunked\r", body=CHUNKED),
    "a NUL": post(b"X: y\0z", b"Content-Length: 5", body=b"hello"),
    "a control character": post(b"X: y\x01z", b"Content-Length: 5", body=b"hello"),
    "bare LFs": b"POST /echo HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello",
    "a bare LF at the end": b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\nhello",
    "two hosts": post(b"Host: b", b"Content-Length: 5", body=b"hello"),
    "no host": b"POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    "a host that is none": b"POST /echo HTTP/1.1\r\nHost: a b\r\nContent-Length: 5\r\n\r\nhello",
    # The request line
    "two blanks": post(b"Content-Length: 5", body=b"hello", line=b"POST  /echo HTTP/1.1"),
    "a tab": post(b"Content-Length: 5", body=b"hello", line=b"POST\t/echo HTTP/1.1"),
    "a blank at the end": post(b"Content-Length: 5", body=b"hello", line=b"POST /echo HTTP/1.1 "),
    "a blank in the path": post(b"Content-Length: 5", body=b"hello", line=b"POST /ec ho HTTP/1.1"),
    "a NUL in the path": post(b"Content-Length: 5", body=b"hello", line=b"POST /ec\0ho HTTP/1.1"),
    "a byte beyond ASCII": post(b"Content-Length: 5", body=b"hello", line=b"POST /ec\xe9ho HTTP/1.1"),
    "no version": post(b"Content-Length: 5", body=b"hello", line=b"POST /echo"),
    "version 1.10": post(b"Content-Length: 5", body=b"hello", line=b"POST /echo HTTP/1.10"),
    "version 1.2": post(b"Content-Length: 5", body=b"hello", line=b"POST /echo HTTP/1.2"),
    "version 2.0": post(b"Content-Length: 5", body=b"hello", line=b"POST /echo HTTP/2.0"),
    "another protocol": post(b"Content-Length: 5", body=b"hello", line=b"POST /echo ICE/1.0"),
    "version in small letters": post(b"Content-Length: 5", body=b"hello", line=b"POST /echo http/1.1"),
    "method in small letters": post(b"Content-Length: 5", body=b"hello", line=b"post /echo HTTP/1.1"),
    "a method that is none": post(b"Content-Length: 5", body=b"hello", line=b"PO(ST /echo HTTP/1.1"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "CONNECT": post(line=b"CONNECT a:80 HTTP/1.1"),
    "a path without a slash": post(b"Content-Length: 5", body=b"hello", line=b"POST echo HTTP/1.1"),
    "a fragment": post(b"Content-Length: 5", body=b"hello", line=b"POST /echo#a HTTP/1.1"),
    # Chunks
    "no chunk size": chunked(b"\r\nhello\r\n0\r\n\r\n"),
    "a chunk size with 0x": chunked(b"0x5\r\nhello\r\n0\r\n\r\n"),
    "a chunk size with a plus": chunked(b"+5\r\nhello\r\n0\r\n\r\n"),
    "a chunk size with a minus": chunked(b"-5\r\nhello\r\n0\r\n\r\n"),
    "a chunk size with an underscore": chunked(b"0_5\r\nhello\r\n0\r\n\r\n"),
    "a blank before a chunk size": chunked(b" 5\r\nhello\r\n0\r\n\r\n"),
    "letters behind a chunk size": chunked(b"5g\r\nhello\r\n0\r\n\r\n"),
    "a chunk size beyond 64 bits": chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "a chunk that is longer": chunked(b"5\r\nhelloX\r\n0\r\n\r\n"),
    "a chunk that is shorter": chunked(b"6\r\nhello\r\n0\r\n\r\n"),
    "a chunk that ends in LF": chunked(b"5\r\nhello\n0\r\n\r\n"),
    "a chunk that ends in anything": chunked(b"5\r\nhelloXX0\r\n\r\n"),
    "a chunk's line that ends in LF": chunked(b"5\nhello\r\n0\r\n\r\n"),
    "a chunk's line that ends in CR": chunked(b"5\rhello\r\n0\r\n\r\n"),
    "LF in a chunk's extension": chunked(b"5;a\n=b\r\nhello\r\n0\r\n\r\n"),
    "a chunk's line without an end": chunked(b"5;" + b"a" * 100000),
    "last chunk that ends in LF": chunked(b"5\r\nhello\r\n0\n\n"),
    "a bare LF behind the last chunk": chunked(b"5\r\nhello\r\n0\r\n\n"),
    "a trailer with a bare LF": chunked(b"5\r\nhello\r\n0\r\nX: y\nZ: z\r\n\r\n"),
    "a trailer without a colon": chunked(b"5\r\nhello\r\n0\r\nXy\r\n\r\n"),
}


def noise() -> dict[str, bytes]:
    """Every byte that is none of a field's, around the name and the value that tell the framing."""
    cases = {}
    for byte in (*range(0x01, 0x21), *range(0x7F, 0x100)):
        b = bytes([byte])
        cases[f"{byte:02x} before the value"] = post(b"Transfer-Encoding:" + b + b"chunked", body=CHUNKED)
        cases[f"{byte:02x} behind the name"] = post(b"Transfer-Encoding" + b + b": chunked", body=CHUNKED)
        cases[f"{byte:02x} before the name"] = post(b + b"Transfer-Encoding: chunked", body=CHUNKED)
        cases[f"{byte:02x} behind the value"] = post(b"Transfer-Encoding: chunked" + b, body=CHUNKED)
        cases[f"{byte:02x} before the length"] = post(b"Content-Length:" + b + b"5", body=b"hello")
        cases[f"{byte:02x} behind the length"] = post(b"Content-Length: 5" + b, body=b"hello")
    return cases
