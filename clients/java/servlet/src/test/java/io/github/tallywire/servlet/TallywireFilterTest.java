package io.github.tallywire.servlet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.tallywire.Tracker;
import io.github.tallywire.event.EventContext;
import io.github.tallywire.v1.Event;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.catalina.Context;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.Wrapper;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.context.support.AnnotationConfigWebApplicationContext;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.servlet.DispatcherServlet;
import org.springframework.web.servlet.config.annotation.EnableWebMvc;

/** The filter in a real Tomcat, before plain servlets and before Spring MVC. */
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class TallywireFilterTest {
  private static final CountDownLatch HUNG_UP = new CountDownLatch(1);
  private static final CountDownLatch ASKED = new CountDownLatch(1);

  private final HttpClient http = HttpClient.newHttpClient();
  private EventSink sink;
  private Tomcat tomcat;

  @BeforeAll
  void start(@TempDir Path folder) throws Exception {
    Logger.getLogger("org.apache").setLevel(Level.OFF);
    sink = new EventSink();
    tomcat = tomcat(folder, sink.tracker, filter -> filter);
  }

  @AfterAll
  void stop() throws Exception {
    tomcat.stop();
    tomcat.destroy();
    sink.close();
  }

  @AfterEach
  void everythingWasExpected() throws Exception {
    get("/shop/last"); // Events come in order.
    assertEquals("/shop/last", sink.next().getApi().getEndpoint());
  }

  private static Tomcat tomcat(
      Path folder, Tracker tracker, UnaryOperator<TallywireFilter.Builder> more)
      throws LifecycleException {
    Tomcat tomcat = new Tomcat();
    tomcat.setBaseDir(folder.toString());
    tomcat.setPort(0);
    Context context = tomcat.addContext("/shop", folder.toString());
    FilterDef filter = new FilterDef();
    filter.setFilterName("tallywire");
    filter.setAsyncSupported("true");
    filter.setFilter(
        more.apply(
                TallywireFilter.builder(tracker)
                    .identify(
                        request -> {
                          if (request.getParameter("fail") != null) {
                            throw new IllegalStateException("of the application");
                          }
                          return EventContext.conversation("c1")
                              .agentId(request.getRemoteAddr())
                              .userId("u1");
                        }))
            .build());
    FilterMap all = new FilterMap();
    all.setFilterName("tallywire");
    all.addURLPattern("/*");
    context.addFilterDef(filter);
    context.addFilterMap(all);
    add(context, "plain", new Plain(), "/plain/*");
    add(context, "last", new Plain(), "/last");
    AnnotationConfigWebApplicationContext spring = new AnnotationConfigWebApplicationContext();
    spring.register(Shop.class);
    add(context, "spring", new DispatcherServlet(spring), "/");
    tomcat.getConnector();
    tomcat.start();
    return tomcat;
  }

  private static void add(Context context, String name, HttpServlet servlet, String pattern) {
    Wrapper wrapper = Tomcat.addServlet(context, name, servlet);
    wrapper.setAsyncSupported(true);
    wrapper.addMapping(pattern);
  }

  private HttpResponse<String> get(String path) throws Exception {
    return send(HttpRequest.newBuilder(uri(path)));
  }

  private HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private URI uri(String path) {
    return URI.create("http://127.0.0.1:" + tomcat.getConnector().getLocalPort() + path);
  }

  private void expect(String endpoint, int status) throws Exception {
    Event event = sink.next();
    assertEquals(endpoint, event.getApi().getEndpoint());
    assertEquals(status, event.getApi().getStatusCode(), event::toString);
  }

  @Test
  void theTemplateOfSpringWithSizesAndWhoItWas() throws Exception {
    HttpResponse<String> response =
        send(
            HttpRequest.newBuilder(uri("/shop/orders/4711?secret=1"))
                .header("X-Secret", "secret")
                .POST(HttpRequest.BodyPublishers.ofString("12345")));
    assertEquals("4711 has 12345 €", response.body());
    Event event = sink.next();
    assertEquals("/shop/orders/{id}", event.getApi().getEndpoint());
    assertEquals("POST", event.getApi().getMethod());
    assertEquals(200, event.getApi().getStatusCode());
    assertEquals(5, event.getApi().getRequestBytes());
    assertEquals(
        response.body().getBytes(StandardCharsets.UTF_8).length, event.getApi().getResponseBytes());
    assertTrue(event.getApi().hasLatencyMs());
    assertEquals("c1", event.getConversationId());
    assertEquals("127.0.0.1", event.getAgentId());
    assertEquals("u1", event.getUserId());
    assertFalse(event.toString().contains("4711"), event::toString);
    assertFalse(event.toString().contains("secret"), event::toString);
  }

  @Test
  void handlersThatFail() throws Exception {
    assertEquals(404, get("/shop/orders/none").statusCode());
    expect("/shop/orders/{id}", 404);
    assertEquals(500, get("/shop/broken").statusCode());
    expect("/shop/broken", 500);
    assertEquals(500, get("/shop/plain/broken").statusCode());
    expect("/shop/plain/*", 500);
  }

  @Test
  void asynchronousHandlersCountAtTheirEnd() throws Exception {
    assertEquals("later", get("/shop/later").body());
    expect("/shop/later", 200);
    assertEquals("async", get("/shop/plain/async").body());
    expect("/shop/plain/*", 200);
    assertEquals(500, get("/shop/plain/timeout").statusCode());
    expect("/shop/plain/*", 500);
  }

  @Test
  void whatNothingMatchesHasNoEndpoint() throws Exception {
    assertEquals(404, get("/shop/unknown/path").statusCode());
    expect("(none)", 404);
  }

  @Test
  void healthChecksAreLeftOut() throws Exception {
    get("/shop/healthz");
    get("/shop/ping/");
  }

  @Test
  void aFunctionOfTheApplicationThatFailsIsLeftOut() throws Exception {
    Logger.getLogger("io.github.tallywire").setLevel(Level.OFF);
    assertEquals(200, get("/shop/plain/x?fail=1").statusCode());
    Event event = sink.next();
    assertEquals("/shop/plain/*", event.getApi().getEndpoint());
    assertEquals("", event.getConversationId());
  }

  @Test
  void aPeerThatHangsUpCounts() throws Exception {
    try (Socket socket = new Socket("127.0.0.1", tomcat.getConnector().getLocalPort())) {
      socket
          .getOutputStream()
          .write("GET /shop/plain/wait HTTP/1.1\r\nHost: x\r\n\r\n".getBytes("US-ASCII"));
      assertTrue(ASKED.await(30, TimeUnit.SECONDS));
      socket.setSoLinger(true, 0);
    }
    HUNG_UP.countDown();
    expect("/shop/plain/*", 499);
  }

  @Test
  void aMetricsServerThatIsAwayIsNotNoticed(@TempDir Path folder) throws Exception {
    Tracker away = Tracker.builder().address("127.0.0.1:1").apiKey("k").maxEvents(1).build();
    Tomcat other = tomcat(folder, away, filter -> filter);
    try {
      int port = other.getConnector().getLocalPort();
      for (int i = 0; i < 3; i++) {
        HttpResponse<String> response =
            send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/shop/plain/a")));
        assertEquals("plain", response.body());
      }
    } finally {
      other.stop();
      other.destroy();
      away.close(Duration.ofMillis(1));
    }
    assertEquals(3, away.stats().dropped() + away.stats().failed());
  }

  @Test
  void eventsOfASampleSayItsRate(@TempDir Path folder) throws Exception {
    Tomcat other = tomcat(folder, sink.tracker, filter -> filter.sampleRate(0.999_999));
    int port = other.getConnector().getLocalPort();
    send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/shop/plain/a")));
    Event event = sink.next();
    assertEquals(0.999_999, event.getProperties().getFieldsOrThrow("sample_rate").getNumberValue());
    other.stop();
    other.destroy();
  }

  @Test
  void aSampleOfNothingRecordsNothing(@TempDir Path folder) throws Exception {
    Tomcat other = tomcat(folder, sink.tracker, filter -> filter.sampleRate(0));
    int port = other.getConnector().getLocalPort();
    assertEquals(
        200,
        send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/shop/plain/a")))
            .statusCode());
    other.stop();
    other.destroy();
  }

  /** A servlet without a framework. */
  static final class Plain extends HttpServlet {
    private static final long serialVersionUID = 1L;

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response)
        throws IOException {
      String path = request.getPathInfo() == null ? "" : request.getPathInfo();
      if (path.equals("/broken")) {
        throw new IllegalStateException("broken");
      }
      if (path.equals("/async") || path.equals("/timeout")) {
        var async = request.startAsync();
        async.setTimeout(path.equals("/timeout") ? 1 : 30_000);
        if (path.equals("/async")) {
          async.start(
              () -> {
                try {
                  async.getResponse().getOutputStream().print("async");
                } catch (IOException error) {
                  throw new IllegalStateException(error);
                }
                async.complete();
              });
        }
        return;
      }
      if (path.equals("/wait")) {
        waitForTheEnd();
        for (int i = 0; i < 100; i++) { // Some of it fits in buffers of the system.
          response.getOutputStream().write(new byte[1 << 20]);
        }
        return;
      }
      response.getWriter().print("plain");
    }

    private static void waitForTheEnd() {
      ASKED.countDown();
      try {
        HUNG_UP.await();
      } catch (InterruptedException error) {
        throw new IllegalStateException(error);
      }
    }
  }

  /** A controller of Spring. */
  @EnableWebMvc
  @RestController
  static class Shop {
    @PostMapping(path = "/orders/{id}", produces = "text/plain;charset=UTF-8")
    String order(@PathVariable("id") String id, @RequestBody String body) {
      return id + " has " + body + " €";
    }

    @GetMapping("/orders/{id}")
    String missing(@PathVariable("id") String id) {
      throw new ResponseStatusException(HttpStatus.NOT_FOUND);
    }

    @GetMapping("/broken")
    String broken() {
      throw new IllegalStateException("broken");
    }

    @GetMapping("/later")
    Callable<String> later() {
      return () -> "later";
    }
  }
}
