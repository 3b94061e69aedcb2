package io.github.tallywire;

import io.grpc.ConnectivityState;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.ManagedChannelRegistry;
import io.grpc.Metadata;
import io.grpc.NameResolverRegistry;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/** The connections of a client, and how many unary calls are under way on each. */
final class ConnectionPool {
  /** The server takes 100; the rest is for streams. */
  static final int CALLS_PER_CONNECTION = 90;

  private static final int RECEIVE_LIMIT = 16 * 1024 * 1024;
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
  private static final AtomicLong SCHEMES = new AtomicLong();

  private final ConnectionSettings settings;
  private final ScheduledExecutorService timer;
  private final List<Connection> connections = new ArrayList<>();
  private final Deque<Waiting> waiting = new ArrayDeque<>();
  private final List<Addresses.Provider> providers = new ArrayList<>();
  private int turn;

  ConnectionPool(ConnectionSettings settings, ScheduledExecutorService timer) {
    this.settings = settings;
    this.timer = timer;
    // One begins with each address: calls are spread over servers, and none has a single way.
    int addresses = settings.addresses.size();
    try {
      for (int first = 0; first < addresses; first++) {
        String target = target(first);
        for (int i = 0; i < settings.connections; i++) {
          connections.add(new Connection(channel(target)));
        }
      }
    } catch (ManagedChannelRegistry.ProviderNotFoundException error) {
      close();
      throw new IllegalArgumentException(
          "the connection cannot be set up; is the private key that of the certificate? "
              + error.getMessage());
    }
  }

  /** Returns the metadata of a call. */
  Metadata metadata() {
    Metadata metadata = new Metadata();
    metadata.put(AUTHORIZATION, "Bearer " + settings.apiKey);
    return metadata;
  }

  /** Returns the channel for a stream: streams take no place of a unary call. */
  synchronized ManagedChannel forStream() {
    return next().channel;
  }

  /**
   * Hands over a place on a connection, at once or when one becomes free; a null if there was none
   * in time.
   */
  void place(long patienceNanos, Consumer<Connection> call) {
    Connection free;
    synchronized (this) {
      free = free();
      if (free == null) {
        Waiting entry = new Waiting(call);
        waiting.add(entry);
        timer.schedule(() -> giveUp(entry), patienceNanos, TimeUnit.NANOSECONDS);
        return;
      }
      free.calls++;
    }
    call.accept(free);
  }

  /** Gives a place back. */
  void leave(Connection connection) {
    Waiting entry;
    synchronized (this) {
      entry = waiting.poll();
      if (entry == null) {
        connection.calls--;
        return;
      }
    }
    entry.call.accept(connection);
  }

  /** Ends all connections, and the calls that are under way on them. */
  void close() {
    connections.forEach(connection -> connection.channel.shutdownNow());
    providers.forEach(NameResolverRegistry.getDefaultRegistry()::deregister);
  }

  private void giveUp(Waiting entry) {
    boolean waits;
    synchronized (this) {
      waits = waiting.remove(entry);
    }
    if (waits) {
      entry.call.accept(null);
    }
  }

  private Connection free() {
    for (int i = 0; i < connections.size(); i++) {
      Connection connection = next();
      if (connection.calls < CALLS_PER_CONNECTION) {
        return connection;
      }
    }
    return null;
  }

  private Connection next() {
    turn = (turn + 1) % connections.size();
    return connections.get(turn);
  }

  /** Returns a target that stands for all addresses, one of them before the others. */
  private String target(int first) {
    List<String> addresses = new ArrayList<>(settings.addresses);
    Collections.rotate(addresses, -first);
    if (Addresses.isUnix(addresses.get(0))) {
      return addresses.get(0);
    }
    String scheme = "tallywire-" + SCHEMES.incrementAndGet();
    Addresses.Provider provider = new Addresses.Provider(addresses, scheme);
    providers.add(provider);
    NameResolverRegistry.getDefaultRegistry().register(provider);
    return scheme + ":///servers";
  }

  private ManagedChannel channel(String target) {
    ManagedChannelBuilder<?> builder =
        Grpc.newChannelBuilder(target, settings.credentials())
            .userAgent("tallywire-java/" + Version.VERSION)
            .maxInboundMessageSize(RECEIVE_LIMIT)
            .keepAliveTime(10, TimeUnit.SECONDS)
            .keepAliveTimeout(10, TimeUnit.SECONDS)
            .keepAliveWithoutCalls(false)
            // gRPC would repeat the bytes of an event, with a time of sending that has passed.
            .disableRetry()
            .disableServiceConfigLookUp();
    if (settings.isPlaintext) {
      builder.proxyDetector(server -> null); // A proxy would see the key.
    }
    return builder.build();
  }

  /** A connection. */
  final class Connection {
    final ManagedChannel channel;
    private int calls;
    private final AtomicBoolean isWaiting = new AtomicBoolean();
    private volatile int failures;

    Connection(ManagedChannel channel) {
      this.channel = channel;
      watch(ConnectivityState.IDLE);
    }

    /** Follows the state: gRPC's own backoff goes up to two minutes, and cannot be set. */
    private void watch(ConnectivityState seen) {
      channel.notifyWhenStateChanged(
          seen,
          () -> {
            ConnectivityState state = channel.getState(false);
            if (state == ConnectivityState.READY) {
              failures = 0;
            } else if (state == ConnectivityState.TRANSIENT_FAILURE) {
              connectSoon();
            }
            if (state != ConnectivityState.SHUTDOWN) {
              watch(state);
            }
          });
    }

    private void connectSoon() {
      if (!isWaiting.compareAndSet(false, true)) {
        return;
      }
      int before = failures;
      failures = before + 1;
      double backoff = Math.min(5e9, 0.2e9 * Math.pow(2, Math.min(before, 16)));
      long wait = (long) (backoff * ThreadLocalRandom.current().nextDouble(0.5, 1.0));
      timer.schedule(this::connect, wait, TimeUnit.NANOSECONDS);
    }

    private void connect() {
      isWaiting.set(false);
      if (channel.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
        channel.resetConnectBackoff();
        connectSoon();
      }
    }
  }

  private static final class Waiting {
    private final Consumer<Connection> call;

    Waiting(Consumer<Connection> call) {
      this.call = call;
    }
  }
}
