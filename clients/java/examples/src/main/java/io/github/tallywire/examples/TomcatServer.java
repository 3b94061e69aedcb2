package io.github.tallywire.examples;

import io.github.tallywire.Tracker;
import io.github.tallywire.event.EventContext;
import io.github.tallywire.servlet.TallywireFilter;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import org.apache.catalina.Context;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;

/**
 * A server whose requests are tracked. It listens on a free port of 127.0.0.1, until it is ended.
 */
public final class TomcatServer {
  private TomcatServer() {}

  /**
   * Needs a server of tallywire, and a key with the scope ingest in TALLYWIRE_API_KEY.
   *
   * @param arguments the address of the server, 127.0.0.1:50051 without
   * @throws IOException if there is no folder for temporary files
   * @throws LifecycleException if Tomcat does not start
   */
  public static void main(String[] arguments) throws IOException, LifecycleException {
    Tracker tracker =
        Tracker.builder()
            .address(arguments.length > 0 ? arguments[0] : "127.0.0.1:50051")
            .apiKey(System.getenv("TALLYWIRE_API_KEY"))
            .build();
    Tomcat tomcat = new Tomcat();
    tomcat.setBaseDir(Files.createTempDirectory("tomcat").toString());
    tomcat.setPort(0);
    tomcat.getConnector().setProperty("address", "127.0.0.1");
    Context shop = tomcat.addContext("", null);
    track(shop, tracker);
    Tomcat.addServlet(shop, "orders", new Orders()).addMapping("/orders/*");
    tomcat.start();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> end(tomcat, tracker)));
    System.out.println("listening on 127.0.0.1:" + tomcat.getConnector().getLocalPort());
    tomcat.getServer().await();
  }

  private static void track(Context context, Tracker tracker) {
    FilterDef filter = new FilterDef();
    filter.setFilterName("tallywire");
    filter.setAsyncSupported("true");
    filter.setFilter(
        TallywireFilter.builder(tracker)
            .identify(request -> EventContext.empty().agentId("shop-api"))
            .build());
    FilterMap all = new FilterMap();
    all.setFilterName("tallywire");
    all.addURLPattern("/*");
    context.addFilterDef(filter);
    context.addFilterMap(all);
  }

  /** Answers what is under way, and then sends what is left. */
  private static void end(Tomcat tomcat, Tracker tracker) {
    try {
      tomcat.stop();
    } catch (LifecycleException error) {
      System.err.println("Tomcat did not stop in order: " + error);
    }
    tracker.close();
    System.out.println("tracked: " + tracker.stats());
  }

  private static final class Orders extends HttpServlet {
    private static final long serialVersionUID = 1L;

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response)
        throws IOException {
      byte[] body = ("order " + request.getPathInfo()).getBytes(StandardCharsets.UTF_8);
      response.setContentLength(body.length);
      response.getOutputStream().write(body);
    }
  }
}
