package io.github.tallywire;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Private keys in PEM as the transport takes them: PKCS#8, into which the older forms are put. */
final class PrivateKeys {
  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----([^-]+)-----END \\1-----");
  private static final int SEQUENCE = 0x30;
  private static final int OCTETS = 0x04;
  private static final int PARAMETERS = 0xa0;
  private static final byte[] VERSION = {0x02, 0x01, 0x00};

  /** rsaEncryption, and its empty parameters. */
  private static final byte[] RSA = {
    0x06,
    0x09,
    0x2a,
    (byte) 0x86,
    0x48,
    (byte) 0x86,
    (byte) 0xf7,
    0x0d,
    0x01,
    0x01,
    0x01,
    0x05,
    0x00
  };

  /** id-ecPublicKey; the curve follows. */
  private static final byte[] EC = {
    0x06, 0x07, 0x2a, (byte) 0x86, 0x48, (byte) 0xce, 0x3d, 0x02, 0x01
  };

  private PrivateKeys() {}

  /**
   * Returns a key in PKCS#8. Throws IllegalArgumentException, whose text has nothing of the key.
   */
  static String pkcs8(String pem) {
    Matcher block = BLOCK.matcher(pem);
    if (!block.find()) {
      throw new IllegalArgumentException(
          "the private key has no block of PEM such as BEGIN PRIVATE KEY, not encrypted");
    }
    try {
      byte[] key = Base64.getMimeDecoder().decode(block.group(2));
      switch (block.group(1)) {
        case "RSA PRIVATE KEY":
          return pem(wrapped(RSA, key));
        case "EC PRIVATE KEY":
          return pem(wrapped(joined(EC, curve(key)), key));
        default:
          return pem;
      }
    } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException error) {
      throw new IllegalArgumentException("the private key is damaged");
    }
  }

  private static byte[] wrapped(byte[] algorithm, byte[] key) {
    return tagged(SEQUENCE, joined(VERSION, tagged(SEQUENCE, algorithm), tagged(OCTETS, key)));
  }

  /** Returns the name of the curve: the contents of the field [0] of an ECPrivateKey (RFC 5915). */
  private static byte[] curve(byte[] key) {
    int at = contents(key, 0); // Inside the sequence.
    while (at < key.length) {
      int begin = contents(key, at);
      int end = begin + length(key, at);
      if ((key[at] & 0xff) == PARAMETERS) {
        return Arrays.copyOfRange(key, begin, end);
      }
      at = end;
    }
    throw new IllegalArgumentException("no curve");
  }

  /** Returns where the contents of the element at a position begin. */
  private static int contents(byte[] der, int at) {
    int first = der[at + 1] & 0xff;
    return at + 2 + (first < 0x80 ? 0 : first & 0x7f);
  }

  private static int length(byte[] der, int at) {
    int first = der[at + 1] & 0xff;
    if (first < 0x80) {
      return first;
    }
    int length = 0;
    for (int i = 0; i < (first & 0x7f); i++) {
      length = length << 8 | der[at + 2 + i] & 0xff;
    }
    return length;
  }

  private static byte[] tagged(int tag, byte[] contents) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(tag);
    int length = contents.length;
    if (length < 0x80) {
      out.write(length);
    } else {
      int bytes = length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
      out.write(0x80 | bytes);
      for (int i = bytes - 1; i >= 0; i--) {
        out.write(length >> 8 * i);
      }
    }
    out.writeBytes(contents);
    return out.toByteArray();
  }

  private static byte[] joined(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  private static String pem(byte[] der) {
    return "-----BEGIN PRIVATE KEY-----\n"
        + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der)
        + "\n-----END PRIVATE KEY-----\n";
  }
}
