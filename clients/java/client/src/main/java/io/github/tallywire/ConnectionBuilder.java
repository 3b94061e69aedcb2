package io.github.tallywire;

import java.util.ArrayList;
import java.util.List;

/**
 * What the builders of clients and trackers have in common: how to reach the service.
 *
 * @param <B> the type of the builder itself
 */
public abstract class ConnectionBuilder<B extends ConnectionBuilder<B>> {
  List<String> addresses = new ArrayList<>();
  String apiKey;
  String rootCertificates;
  String certificateChain;
  String privateKey;
  boolean insecure;
  int connections = 1;

  ConnectionBuilder() {}

  /**
   * Sets where the service is. Calls go on while one of several addresses answers.
   *
   * @param first {@code host:port}, {@code [IPv6]:port}, or {@code unix:/path} alone
   * @param others further addresses
   * @return this
   */
  public B address(String first, String... others) {
    List<String> given = new ArrayList<>();
    given.add(first);
    given.addAll(List.of(others));
    return addresses(given);
  }

  /**
   * Sets where the service is, as {@link #address} does.
   *
   * @param value the addresses
   * @return this
   */
  public B addresses(List<String> value) {
    this.addresses = new ArrayList<>(value);
    return self();
  }

  /**
   * Sets the API key. It is never part of a text that this library makes.
   *
   * @param value the key
   * @return this
   */
  public B apiKey(String value) {
    this.apiKey = value;
    return self();
  }

  /**
   * Sets the certificates of the authorities to trust. Without any certificate, a connection to
   * loopback addresses and unix sockets is plaintext, and every other one is TLS with the roots of
   * the system.
   *
   * @param pem the certificates
   * @return this
   */
  public B rootCertificates(String pem) {
    this.rootCertificates = pem;
    return self();
  }

  /**
   * Sets the certificate with which the client identifies itself (mutual TLS).
   *
   * @param chainPem the certificate, and those between it and the authority
   * @param privateKeyPem its private key, not encrypted
   * @return this
   */
  public B certificate(String chainPem, String privateKeyPem) {
    this.certificateChain = chainPem;
    this.privateKey = privateKeyPem;
    return self();
  }

  /**
   * Asks for plaintext everywhere: the key and the events can be read on their way.
   *
   * @return this
   */
  public B insecure() {
    this.insecure = true;
    return self();
  }

  /**
   * Sets the number of connections, which calls use in turn. Processes of a server share a port by
   * connections, so several reach several of them.
   *
   * @param value 1 unless set
   * @return this
   */
  public B connections(int value) {
    this.connections = value;
    return self();
  }

  @Override
  public String toString() {
    return getClass().getSimpleName() + addresses;
  }

  @SuppressWarnings("unchecked") // B is the type of this object, as its declaration says.
  final B self() {
    return (B) this;
  }
}
