package io.github.tallywire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ConnectionSettingsTest {
  private static ConnectionBuilder<?> builder(String... addresses) {
    return TallywireClient.builder().addresses(List.of(addresses)).apiKey("tw_secret");
  }

  private static void refused(ConnectionBuilder<?> builder) {
    IllegalArgumentException error =
        assertThrows(IllegalArgumentException.class, () -> new ConnectionSettings(builder));
    assertFalse(error.getMessage().contains("secret"), error.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "LocalHost:1", "unix:/s"})
  void plaintextOnThisMachine(String address) {
    assertTrue(new ConnectionSettings(builder(address)).isPlaintext);
  }

  @ParameterizedTest
  @ValueSource(strings = {"10.0.0.1:1", "metrics.example:1", "localhost.example:1", "[::2]:1"})
  void tlsElsewhere(String address) {
    assertFalse(new ConnectionSettings(builder(address)).isPlaintext);
    assertFalse(new ConnectionSettings(builder("127.0.0.1:1", address)).isPlaintext);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "host", "host:", ":1", "http://host:1", "a:1,b:2", "::1:5"})
  void whatIsNoAddress(String address) {
    refused(builder(address));
  }

  @Test
  void whatContradictsItself() {
    refused(TallywireClient.builder().apiKey("k"));
    refused(builder("localhost:1").apiKey(""));
    refused(builder("localhost:1").apiKey("secret\n"));
    refused(builder("localhost:1").apiKey("secrét"));
    refused(builder("localhost:1").apiKey(null));
    refused(builder("localhost:1").certificate("chain", null));
    refused(builder("localhost:1").certificate(null, "key"));
    refused(builder("localhost:1").connections(0));
    refused(builder("localhost:1").insecure().rootCertificates("pem"));
    refused(builder("unix:/a", "unix:/b"));
    refused(builder("host:1").rootCertificates("no PEM"));
    refused(builder("host:1").certificate("no PEM", "no PEM"));
  }

  @Test
  void itsTextHasNoKey() {
    assertEquals("host:1 over TLS", new ConnectionSettings(builder("host:1")).toString());
  }
}
