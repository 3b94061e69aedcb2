package io.github.tallywire;

import io.grpc.ChannelCredentials;
import io.grpc.InsecureChannelCredentials;
import io.grpc.TlsChannelCredentials;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.List;

/** How to reach the service. The key is left out of its text. */
final class ConnectionSettings {
  final List<String> addresses;
  final String apiKey;
  final int connections;
  final boolean isPlaintext;
  private final String rootCertificates;
  private final String certificateChain;
  private final String privateKey;

  /** Takes what a builder was told. Throws IllegalArgumentException for what contradicts itself. */
  ConnectionSettings(ConnectionBuilder<?> told) {
    addresses = List.copyOf(told.addresses);
    apiKey = told.apiKey;
    connections = told.connections;
    rootCertificates = told.rootCertificates;
    certificateChain = told.certificateChain;
    privateKey = told.privateKey;
    if (addresses.isEmpty()) {
      throw new IllegalArgumentException("an address is missing, for example 127.0.0.1:50051");
    }
    addresses.forEach(Addresses::check);
    if (addresses.size() > 1 && addresses.stream().anyMatch(Addresses::isUnix)) {
      throw new IllegalArgumentException("a unix socket cannot be one of several addresses");
    }
    if (apiKey == null || apiKey.isEmpty() || !apiKey.chars().allMatch(c -> c > ' ' && c <= '~')) {
      // The key itself stays out of the message, which may be logged.
      throw new IllegalArgumentException(
          "the API key is empty or holds a character that is not visible ASCII, such as a line"
              + " break");
    }
    if ((certificateChain == null) != (privateKey == null)) {
      throw new IllegalArgumentException("a certificate chain and its private key go together");
    }
    if (connections < 1) {
      throw new IllegalArgumentException("connections are at least 1, not " + connections);
    }
    boolean wantsTls = rootCertificates != null || certificateChain != null;
    if (told.insecure && wantsTls) {
      throw new IllegalArgumentException("insecure contradicts the certificates");
    }
    boolean isLocal = addresses.stream().allMatch(Addresses::isLocal);
    isPlaintext = !wantsTls && (told.insecure || isLocal);
    credentials();
  }

  /** Returns the credentials of a channel. Throws IllegalArgumentException if they are damaged. */
  ChannelCredentials credentials() {
    if (isPlaintext) {
      return InsecureChannelCredentials.create();
    }
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
    try {
      if (rootCertificates != null) {
        check("root certificates", rootCertificates);
        tls.trustManager(stream(rootCertificates));
      }
      if (certificateChain != null) {
        check("certificate chain", certificateChain);
        tls.keyManager(stream(certificateChain), stream(PrivateKeys.pkcs8(privateKey)));
      }
    } catch (IOException | CertificateException error) {
      throw new IllegalArgumentException("the certificates cannot be read as PEM", error);
    }
    return tls.build();
  }

  private static void check(String what, String pem) throws CertificateException {
    if (CertificateFactory.getInstance("X.509").generateCertificates(stream(pem)).isEmpty()) {
      throw new IllegalArgumentException("the " + what + " have no certificate in PEM");
    }
  }

  private static ByteArrayInputStream stream(String pem) {
    return new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII));
  }

  @Override
  public String toString() {
    return String.join(",", addresses) + (isPlaintext ? " in plaintext" : " over TLS");
  }
}
