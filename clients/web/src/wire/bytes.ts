/** Protocol buffers as bytes: values one after the other. */

const LOW = 0xffffffffn;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Reads values. Throws RangeError where bytes are missing. */
export class Reader {
  pos = 0;
  private readonly view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get more(): boolean {
    return this.pos < this.bytes.length;
  }

  /** The low 32 bits of a variable-length number. */
  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.view.getUint8(this.pos++);
      if (shift < 32) value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
      if (shift > 63) throw new RangeError("a number is too long");
    }
  }

  /** All 64 bits of a variable-length number. */
  varint64(): bigint {
    let value = 0;
    // Most numbers are small enough to be exact as they are.
    for (let factor = 1, i = 0; i < 7; i += 1, factor *= 128) {
      const byte = this.view.getUint8(this.pos++);
      value += (byte & 127) * factor;
      if (byte < 128) return BigInt(value);
    }
    let large = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.view.getUint8(this.pos++);
      large |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, large);
    }
    throw new RangeError("a number is too long");
  }

  int64(): bigint {
    return BigInt.asIntN(64, this.varint64());
  }

  double(): number {
    this.pos += 8;
    return this.view.getFloat64(this.pos - 8, true);
  }

  float(): number {
    this.pos += 4;
    return this.view.getFloat32(this.pos - 4, true);
  }

  /** As many bytes as the length in front of them says; they are not copied. */
  data(): Uint8Array {
    const length = this.varint();
    if (this.pos + length > this.bytes.length) throw new RangeError("a message is cut");
    this.pos += length;
    return this.bytes.subarray(this.pos - length, this.pos);
  }

  text(): string {
    return decoder.decode(this.data());
  }

  /** Passes over a value. */
  skip(wire: number): void {
    if (wire === 0) this.varint64();
    else if (wire === 1) this.pos += 8;
    else if (wire === 2) this.data();
    else if (wire === 5) this.pos += 4;
    else throw new RangeError(`wire type ${String(wire)} is unknown`);
    if (this.pos > this.bytes.length) throw new RangeError("a message is cut");
  }
}

/** Writes values. */
export class Writer {
  private bytes = new Uint8Array(64);
  private length = 0;

  private room(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    larger.set(this.bytes);
    this.bytes = larger;
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  varint(value: number): void {
    this.room(5);
    let rest = value >>> 0;
    while (rest > 127) {
      this.bytes[this.length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    this.room(10);
    while (rest > 127n) {
      this.bytes[this.length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.bytes[this.length++] = Number(rest & LOW);
  }

  /** A number with a sign: ten bytes below zero. */
  int32(value: number): void {
    if (value < 0) this.varint64(BigInt(value));
    else this.varint(value);
  }

  double(value: number): void {
    this.room(8);
    new DataView(this.bytes.buffer).setFloat64(this.length, value, true);
    this.length += 8;
  }

  float(value: number): void {
    this.room(4);
    new DataView(this.bytes.buffer).setFloat32(this.length, value, true);
    this.length += 4;
  }

  data(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  text(value: string): void {
    this.data(encoder.encode(value));
  }

  done(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }
}
