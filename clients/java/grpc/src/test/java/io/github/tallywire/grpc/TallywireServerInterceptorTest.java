package io.github.tallywire.grpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.tallywire.Tracker;
import io.github.tallywire.event.EventContext;
import io.github.tallywire.v1.Event;
import io.grpc.CallOptions;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class TallywireServerInterceptorTest {
  private static final Metadata.Key<String> AGENT =
      Metadata.Key.of("agent", Metadata.ASCII_STRING_MARSHALLER);
  private static final MethodDescriptor<HealthCheckRequest, HealthCheckResponse> ONE =
      method("One", MethodDescriptor.MethodType.UNARY);
  private static final MethodDescriptor<HealthCheckRequest, HealthCheckResponse> MANY =
      method("Many", MethodDescriptor.MethodType.SERVER_STREAMING);

  private final CountDownLatch cancelled = new CountDownLatch(1);
  private EventSink sink;
  private Server server;
  private ManagedChannel channel;

  private static MethodDescriptor<HealthCheckRequest, HealthCheckResponse> method(
      String name, MethodDescriptor.MethodType type) {
    return MethodDescriptor.<HealthCheckRequest, HealthCheckResponse>newBuilder()
        .setType(type)
        .setFullMethodName("shop.v1.Shop/" + name)
        .setRequestMarshaller(ProtoUtils.marshaller(HealthCheckRequest.getDefaultInstance()))
        .setResponseMarshaller(ProtoUtils.marshaller(HealthCheckResponse.getDefaultInstance()))
        .build();
  }

  @BeforeEach
  void start() throws Exception {
    sink = new EventSink();
    serve(sink.tracker);
  }

  private void serve(Tracker tracker) throws Exception {
    ServerServiceDefinition shop =
        ServerServiceDefinition.builder("shop.v1.Shop")
            .addMethod(ONE, ServerCalls.asyncUnaryCall(this::one))
            .addMethod(MANY, ServerCalls.asyncServerStreamingCall(this::many))
            .build();
    server =
        Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
            .addService(shop)
            .addService(new HealthStatusManager().getHealthService())
            .intercept(
                TallywireServerInterceptor.builder(tracker)
                    .identify(headers -> EventContext.empty().agentId(headers.get(AGENT)))
                    .build())
            .build()
            .start();
    channel =
        Grpc.newChannelBuilder("127.0.0.1:" + server.getPort(), InsecureChannelCredentials.create())
            .build();
  }

  @AfterEach
  void stop() {
    channel.shutdownNow();
    server.shutdownNow();
    sink.close();
  }

  private void one(HealthCheckRequest request, StreamObserver<HealthCheckResponse> observer) {
    switch (request.getService()) {
      case "refuse":
        observer.onError(Status.NOT_FOUND.asRuntimeException());
        break;
      case "throw":
        throw new IllegalStateException("broken");
      default:
        observer.onNext(HealthCheckResponse.newBuilder().setStatusValue(1).build());
        observer.onCompleted();
    }
  }

  private void many(HealthCheckRequest request, StreamObserver<HealthCheckResponse> observer) {
    ((ServerCallStreamObserver<HealthCheckResponse>) observer)
        .setOnCancelHandler(cancelled::countDown);
    for (int i = 0; i < 3; i++) {
      observer.onNext(HealthCheckResponse.newBuilder().setStatusValue(1).build());
    }
    if (!request.getService().equals("endless")) {
      observer.onCompleted();
    }
  }

  private HealthCheckResponse call(String service) {
    Metadata headers = new Metadata();
    headers.put(AGENT, "bot");
    return ClientCalls.blockingUnaryCall(
        io.grpc.ClientInterceptors.intercept(
            channel, MetadataUtils.newAttachHeadersInterceptor(headers)),
        ONE,
        CallOptions.DEFAULT,
        HealthCheckRequest.newBuilder().setService(service).build());
  }

  private Iterator<HealthCheckResponse> stream(String service, CallOptions options) {
    return ClientCalls.blockingServerStreamingCall(
        channel, MANY, options, HealthCheckRequest.newBuilder().setService(service).build());
  }

  @Test
  void aCallWithItsMethodSizesAndWhoItWas() throws Exception {
    call("hello");
    Event event = sink.next();
    assertEquals("api.called", event.getEventType());
    assertEquals("/shop.v1.Shop/One", event.getApi().getEndpoint());
    assertEquals("GRPC", event.getApi().getMethod());
    assertEquals(200, event.getApi().getStatusCode());
    assertEquals(7, event.getApi().getRequestBytes());
    assertEquals(2, event.getApi().getResponseBytes());
    assertTrue(event.getApi().hasLatencyMs());
    assertEquals("bot", event.getAgentId());
  }

  @Test
  void refusalsAndFaults() throws Exception {
    Logger.getLogger("io.grpc").setLevel(Level.OFF);
    assertThrows(StatusRuntimeException.class, () -> call("refuse"));
    assertEquals(404, sink.next().getApi().getStatusCode());
    assertThrows(StatusRuntimeException.class, () -> call("throw"));
    assertEquals(500, sink.next().getApi().getStatusCode());
  }

  @Test
  void streamsCountAtTheirEnd() throws Exception {
    Logger.getLogger("io.github.tallywire").setLevel(Level.OFF); // identify() fails: no agent.
    stream("hello", CallOptions.DEFAULT).forEachRemaining(message -> {});
    Event event = sink.next();
    assertEquals("/shop.v1.Shop/Many", event.getApi().getEndpoint());
    assertEquals(6, event.getApi().getResponseBytes());
    assertEquals("", event.getAgentId());
  }

  @Test
  void aPeerThatHangsUpCounts() throws Exception {
    Iterator<HealthCheckResponse> endless =
        stream("endless", CallOptions.DEFAULT.withDeadlineAfter(300, TimeUnit.MILLISECONDS));
    assertThrows(
        StatusRuntimeException.class,
        () -> {
          while (endless.hasNext()) {
            endless.next();
          }
        });
    assertTrue(cancelled.await(30, TimeUnit.SECONDS));
    assertEquals(499, sink.next().getApi().getStatusCode());
  }

  @Test
  void healthChecksAreLeftOut() throws Exception {
    HealthGrpc.newBlockingStub(channel).check(HealthCheckRequest.getDefaultInstance());
    call("after");
    assertEquals("/shop.v1.Shop/One", sink.next().getApi().getEndpoint());
  }

  @Test
  void aMetricsServerThatIsAwayIsNotNoticed() throws Exception {
    Tracker away = Tracker.builder().address("127.0.0.1:1").apiKey("k").maxEvents(1).build();
    channel.shutdownNow();
    server.shutdownNow();
    serve(away);
    for (int i = 0; i < 3; i++) {
      assertEquals(1, call("hello").getStatusValue());
    }
    away.close(Duration.ofMillis(1));
    assertEquals(3, away.stats().dropped() + away.stats().failed());
  }

  @Test
  void saysTheStatusesThatEveryClientSays() throws Exception {
    Path file = Path.of("..", "..", "conformance", "middleware.json");
    JsonObject cases = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    for (Map.Entry<String, JsonElement> one : cases.getAsJsonObject("statuses").entrySet()) {
      int status = TallywireServerInterceptor.httpStatus(Status.Code.valueOf(one.getKey()));
      assertEquals(one.getValue().getAsInt(), status, one.getKey());
    }
  }
}
