"""Why netwatch and tshark read an HTTP line differently, as far as the line itself tells: for
causes.py. RFC 9112 2 to 4 and 7.1."""
import re

BLANKS = 'tshark reads an empty target where several blanks follow the method'
INNER_BLANK = 'a blank inside the target: tshark ends it there, netwatch keeps all and counts it ' \
              'as odd'
METHOD = 'tshark does not know the method; the line ends in HTTP/1.x'
TAB = 'a tab before the status 200, of which tshark reads two digits'
TWO_DIGITS = 'a status of two digits: reported as it stands and counted as odd; tshark leaves it out'
LATE_STATUS = 'the status line follows a line that is none; tshark stops at that one'
FOLD = 'a request behind a chunked body whose header is folded; tshark does not unfold it'
CHUNK = 'a request behind a chunk size over 64 bits; tshark calls the packet malformed there'

REQUEST = re.compile(r'(\S+)([ \t]+)(.*?\S)[ \t]+http/1\.\d')
STATUS = re.compile(r'http/\d\.\d([ \t]+)(\d+)\b.*')
NO_SIZE = re.compile(r'[0-9a-f]{17,}')  # RFC 9112 7.1: what 64 bits cannot hold


def lines_of(payload):
    return [line.strip('\r') for line in payload.decode('latin-1').lower().split('\n')]


def cause_of_request(field, value, lines, method_shown):
    for at, line in enumerate(lines):
        request = REQUEST.fullmatch(line)
        if not request:
            continue
        method, blanks, target = request.groups()
        host = any(re.fullmatch(r'host:\s*' + re.escape(value) + r'\s*', header)
                   for header in lines[at:])
        said = {'http.method': method == value, 'http.uri': target == value, 'http.host': host}
        if not said[field]:
            continue
        if at > 0:
            before = lines[:at]
            if any(NO_SIZE.fullmatch(word) for word in before):
                return CHUNK
            return FOLD if any(re.match(r'[ \t]+\S', word) for word in before) else ''
        if not method_shown:
            return METHOD
        if field == 'http.uri' and len(blanks) > 1:
            return BLANKS
        return INNER_BLANK if field == 'http.uri' and re.search(r'[ \t]', target) else ''
    return ''


def cause_of_status(value, lines):
    for at, line in enumerate(lines):
        status = STATUS.fullmatch(line)
        if not status or status[2] != value:
            continue
        if '\t' in status[1]:
            return TAB
        if len(value) == 2:
            return TWO_DIGITS
        return LATE_STATUS if at > 0 and not re.match(r'http/\d', lines[0]) else ''
    return ''


def cause_of_extra(field, value, payload, method_shown):
    """`payload`: of the packet that the value begins in; `method_shown`: tshark reads a method in
    it. '' if the lines do not tell."""
    lines = lines_of(payload)
    if field == 'http.status':
        return cause_of_status(value, lines)
    return cause_of_request(field, value, lines, method_shown)


def cause_of_missing(field, value, payload):
    for line in lines_of(payload):
        request, status = REQUEST.fullmatch(line), STATUS.fullmatch(line)
        if field == 'http.uri' and request and request[3].startswith(value + ' '):
            return INNER_BLANK
        if field == 'http.status' and status and '\t' in status[1] and status[2].startswith(value):
            return TAB
    return ''
