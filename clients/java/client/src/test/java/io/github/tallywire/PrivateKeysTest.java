package io.github.tallywire;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.security.KeyPairGenerator;
import java.security.spec.ECGenParameterSpec;
import java.util.Arrays;
import java.util.Base64;
import org.junit.jupiter.api.Test;

final class PrivateKeysTest {
  /** A key of the curve P-256 as OpenSSL writes it, and the same in PKCS#8. */
  private static final String SEC1 =
      "MHcCAQEEIFBlabDCTWHgvT5O09JCa0ZX0kpm1fY8dBIAqvp14lzVoAoGCCqGSM49AwEHoUQDQgAEaPujlWjpwP/4wvHvH7c7PQpIwaa0PlZP5oau8P2nm25eBCvCCoDR2mTNKA7QGz/S7I81IDJ18JC1Alpu7fjjeA==";

  private static final String SAME_IN_PKCS8 =
      "MIGTAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHkwdwIBAQQgUGVpsMJNYeC9Pk7T0kJrRlfSSmbV9jx0EgCq+nXiXNWgCgYIKoZIzj0DAQehRANCAARo+6OVaOnA//jC8e8ftzs9CkjBprQ+Vk/mhq7w/aebbl4EK8IKgNHaZM0oDtAbP9LsjzUgMnXwkLUCWm7t+ON4";

  private static String pem(String kind, byte[] der) {
    String text = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der);
    return "-----BEGIN " + kind + "-----\n" + text + "\n-----END " + kind + "-----\n";
  }

  private static byte[] der(String pem) {
    return Base64.getMimeDecoder().decode(pem.replaceAll("-----[^-]+-----", ""));
  }

  @Test
  void rsaKeysOfTheOlderForm() throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
    generator.initialize(2048);
    byte[] pkcs8 = generator.generateKeyPair().getPrivate().getEncoded();
    // What the key is wrapped in has 26 bytes for keys of this size.
    byte[] inner = Arrays.copyOfRange(pkcs8, 26, pkcs8.length);
    assertArrayEquals(pkcs8, der(PrivateKeys.pkcs8(pem("RSA PRIVATE KEY", inner))));
  }

  @Test
  void keysOfCurvesOfTheOlderForm() {
    byte[] sec1 = Base64.getDecoder().decode(SEC1);
    assertArrayEquals(
        Base64.getDecoder().decode(SAME_IN_PKCS8),
        der(PrivateKeys.pkcs8(pem("EC PRIVATE KEY", sec1))));
  }

  @Test
  void others() throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"));
    String pem = pem("PRIVATE KEY", generator.generateKeyPair().getPrivate().getEncoded());
    assertEquals(pem, PrivateKeys.pkcs8(pem));
    String encrypted = pem("ENCRYPTED PRIVATE KEY", new byte[8]);
    assertThrows(IllegalArgumentException.class, () -> PrivateKeys.pkcs8(encrypted));
    String damaged = pem("EC PRIVATE KEY", new byte[] {1, 2, 3});
    assertThrows(IllegalArgumentException.class, () -> PrivateKeys.pkcs8(damaged));
  }
}
