package io.github.tallywire;

import io.grpc.Attributes;
import io.grpc.EquivalentAddressGroup;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import io.grpc.Status;
import io.grpc.StatusOr;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Addresses of servers: what they look like, and the way from a list of them to connections. */
final class Addresses {
  private static final Pattern FORM =
      Pattern.compile(
          "(\\[(?<six>[0-9A-Fa-f:.%]+)\\]|(?<host>[^\\s:/\\[\\],]+)):(?<port>[0-9]{1,5})");
  private static final Pattern LOOPBACK = Pattern.compile("127(\\.[0-9]{1,3}){3}");

  private Addresses() {}

  /** Throws IllegalArgumentException for what is no address. */
  static void check(String address) {
    if (address == null || (!isUnix(address) && !FORM.matcher(address).matches())) {
      throw new IllegalArgumentException(
          "an address is host:port, for example 127.0.0.1:50051, not '" + address + "'");
    }
  }

  static boolean isUnix(String address) {
    return address.startsWith("unix:");
  }

  /** Tells whether an address can only lead to this machine. */
  static boolean isLocal(String address) {
    if (isUnix(address)) {
      return true;
    }
    String host = host(address);
    return host.equalsIgnoreCase("localhost")
        || LOOPBACK.matcher(host).matches()
        || isLoopback6(host);
  }

  private static boolean isLoopback6(String host) {
    if (host.indexOf(':') < 0) {
      return false;
    }
    try {
      return InetAddress.getByName(host).isLoopbackAddress(); // A literal: nothing is looked up.
    } catch (UnknownHostException error) {
      return false;
    }
  }

  private static String host(String address) {
    Matcher parts = parts(address);
    return parts.group("six") == null ? parts.group("host") : parts.group("six");
  }

  private static Matcher parts(String address) {
    Matcher parts = FORM.matcher(address);
    if (!parts.matches()) {
      throw new IllegalArgumentException(address);
    }
    return parts;
  }

  /** Makes the addresses of one channel known to gRPC, which has no form for a list of them. */
  static final class Provider extends NameResolverProvider {
    private final List<String> addresses;
    private final String scheme;

    /**
     * Makes a provider.
     *
     * @param addresses all of the form host:port
     * @param scheme a scheme that no other channel has
     */
    Provider(List<String> addresses, String scheme) {
      this.addresses = addresses;
      this.scheme = scheme;
    }

    @Override
    protected boolean isAvailable() {
      return true;
    }

    @Override
    protected int priority() {
      return 5;
    }

    @Override
    public String getDefaultScheme() {
      return scheme;
    }

    @Override
    public NameResolver newNameResolver(URI target, NameResolver.Args args) {
      return target.getScheme().equals(scheme) ? new Resolver(addresses, args) : null;
    }
  }

  private static final class Resolver extends NameResolver {
    private final List<String> addresses;
    private final Executor executor;
    private Listener2 listener;

    Resolver(List<String> addresses, Args args) {
      this.addresses = addresses;
      Executor offloads = args.getOffloadExecutor();
      this.executor = offloads == null ? Runnable::run : offloads;
    }

    @Override
    public String getServiceAuthority() {
      return addresses.get(0);
    }

    @Override
    public void start(Listener2 to) {
      listener = to;
      refresh();
    }

    @Override
    public void refresh() {
      executor.execute(() -> listener.onResult(resolved()));
    }

    private ResolutionResult resolved() {
      List<EquivalentAddressGroup> groups = new ArrayList<>();
      List<String> unknown = new ArrayList<>();
      for (String address : addresses) {
        // The certificate of a server must be for the name that the caller gave for this server.
        Attributes itsName =
            Attributes.newBuilder()
                .set(EquivalentAddressGroup.ATTR_AUTHORITY_OVERRIDE, address)
                .build();
        try {
          int port = Integer.parseInt(parts(address).group("port"));
          for (InetAddress found : InetAddress.getAllByName(host(address))) {
            groups.add(new EquivalentAddressGroup(new InetSocketAddress(found, port), itsName));
          }
        } catch (UnknownHostException error) {
          unknown.add(address);
        }
      }
      StatusOr<List<EquivalentAddressGroup>> found =
          groups.isEmpty()
              ? StatusOr.fromStatus(Status.UNAVAILABLE.withDescription("unknown hosts: " + unknown))
              : StatusOr.fromValue(groups);
      return ResolutionResult.newBuilder().setAddressesOrError(found).build();
    }

    @Override
    public void shutdown() {
      // Nothing is kept.
    }
  }
}
