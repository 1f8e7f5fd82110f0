"""A slow JPEG entropy decoder in plain Python, from ITU-T T.81, annexes F and G, to check what the library reads."""

import math
import struct

import numpy as np

ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))


class Bits:
    def __init__(self, data):
        self.bits = "".join(f"{byte:08b}" for byte in data.replace(b"\xff\x00", b"\xff")) + "1" * 64
        self.at = 0

    def take(self, count):
        self.at += count
        return int(self.bits[self.at - count : self.at] or "0", 2)

    def symbol(self, codes):
        start, self.at = self.at, self.at + 1
        while (symbol := codes.get(self.bits[start : self.at])) is None:
            self.at += 1
            assert self.at - start <= 16
        return symbol

    def signed(self, size):
        value = self.take(size)
        return value if not size or value >> (size - 1) else value - (1 << size) + 1


class Decoder:
    """Reads `coefficients`, a list of (R, C, 8, 8) arrays without the blocks that only fill a unit."""

    def __init__(self, data):
        self.codes, self.restart, place = {}, 0, 2
        while data[place + 1] != 0xD9:
            marker, (length,) = data[place + 1], struct.unpack_from(">H", data, place + 2)
            body, place = data[place + 4 : place + 2 + length], place + 2 + length
            if marker == 0xC4:
                self.huffman(body)
            elif marker in (0xC0, 0xC1, 0xC2):
                self.frame(body, progressive=marker == 0xC2)
            elif marker == 0xDD:
                (self.restart,) = struct.unpack(">H", body)
            elif marker == 0xDA:
                parts, start = [], place
                while data[place] != 0xFF or data[place + 1] in (0, *range(0xD0, 0xD8)):
                    if data[place] == 0xFF and data[place + 1]:
                        parts.append(data[start:place])
                        start = place + 2
                    place += 2 if data[place] == 0xFF else 1
                self.scan(body, [*parts, data[start:place]])
        self.coefficients = [
            blocks[: self.needed(0, v), : self.needed(1, h)]
            for blocks, (v, h) in zip(self.blocks.values(), self.factors.values(), strict=True)
        ]

    def needed(self, axis, factor):
        size = math.ceil((self.height, self.width)[axis] * factor / self.most[axis])
        return math.ceil(size / 8)

    def huffman(self, body):
        while body:
            counts, symbols, code, used = body[1:17], body[17:], 0, 0
            table = self.codes[body[0]] = {}
            for length, count in enumerate(counts, 1):
                for _ in range(count):
                    table[f"{code:0{length}b}"] = symbols[used]
                    code, used = code + 1, used + 1
                code *= 2
            body = body[17 + used :]

    def frame(self, body, progressive):
        _, self.height, self.width, count = struct.unpack_from(">BHHB", body)
        self.progressive = progressive
        parts = [body[6 + 3 * i : 9 + 3 * i] for i in range(count)]
        self.factors = {part[0]: (part[1] % 16, part[1] // 16) if count > 1 else (1, 1) for part in parts}
        self.most = [max(pair[i] for pair in self.factors.values()) for i in (0, 1)]
        self.units = [
            -(-size // (8 * factor)) for size, factor in zip((self.height, self.width), self.most, strict=True)
        ]
        self.blocks = {
            name: np.zeros((self.units[0] * v, self.units[1] * h, 8, 8), int) for name, (v, h) in self.factors.items()
        }

    def scan(self, body, parts):
        names = [(body[1 + 2 * i], body[2 + 2 * i]) for i in range(body[0])]
        self.first, self.last, approximation = body[-3:]
        self.high, self.low = approximation >> 4, approximation & 15
        if len(names) == 1:  # blocks come one by one, and those that only fill a unit are left out
            (name, _), (v, h) = names[0], self.factors[names[0][0]]
            rows, columns = self.needed(0, v), self.needed(1, h)
            units = [[(*names[0], row, column)] for row in range(rows) for column in range(columns)]
        else:
            units = [
                [
                    (name, tables, v * row + i, h * column + j)
                    for name, tables in names
                    for v, h in [self.factors[name]]
                    for i in range(v)
                    for j in range(h)
                ]
                for row in range(self.units[0])
                for column in range(self.units[1])
            ]
        step = self.restart or len(units)
        for part, start in zip(parts, range(0, len(units), step), strict=True):
            self.stream, self.run, self.before = Bits(part), 0, dict.fromkeys(self.factors, 0)
            for name, tables, row, column in (block for unit in units[start : start + step] for block in unit):
                self.block(self.blocks[name][row, column].reshape(64), name, tables)

    def block(self, values, name, tables):
        start = self.first
        if start == 0:
            if self.high:
                values[0] |= self.stream.take(1) << self.low
            else:
                self.before[name] += self.stream.signed(self.stream.symbol(self.codes[tables >> 4]))
                values[0] = self.before[name] * (1 << self.low)
            start = 1
        if start > self.last:
            return
        codes = self.codes[16 + tables % 16]
        if self.high:
            self.refine(values, codes)
        elif self.run:
            self.run -= 1
        else:
            self.first_pass(values, codes, start)

    def first_pass(self, values, codes, k):
        while k <= self.last:
            run, size = divmod(self.stream.symbol(codes), 16)
            if not size and run < 15:
                self.run = (1 << run) + self.stream.take(run) - 1
                return
            k += run
            if size:
                values[ZIGZAG[k]] = self.stream.signed(size) * (1 << self.low)
            k += 1

    def refine(self, values, codes):
        k = self.first
        while k <= self.last and not self.run:
            run, size = divmod(self.stream.symbol(codes), 16)
            new = (1 if self.stream.take(1) else -1) << self.low if size else 0
            if not size and run < 15:
                self.run = (1 << run) + self.stream.take(run)
                break
            while k <= self.last:
                place = ZIGZAG[k]
                if values[place]:
                    self.correct(values, place)
                elif run:
                    run -= 1
                else:
                    values[place] = new
                    k += 1
                    break
                k += 1
        if self.run:
            for i in range(k, self.last + 1):
                if values[ZIGZAG[i]]:
                    self.correct(values, ZIGZAG[i])
            self.run -= 1

    def correct(self, values, place):
        if self.stream.take(1) and not abs(values[place]) >> self.low & 1:
            values[place] += (1 << self.low) if values[place] > 0 else -(1 << self.low)
