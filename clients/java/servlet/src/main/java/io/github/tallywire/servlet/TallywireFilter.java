package io.github.tallywire.servlet;

import io.github.tallywire.Tracker;
import io.github.tallywire.event.ApiEvent;
import io.github.tallywire.event.EventContext;
import io.github.tallywire.middleware.CallRecorder;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

/**
 * Counts the requests of a servlet container: each becomes an event {@code api.called} with the
 * template of its route, its status, how long it took and how large it was.
 *
 * <p>The endpoint is never the path. It is what Spring MVC says of the handler, else the mapping of
 * the servlet, and {@code (none)} where nothing has matched; {@link Builder#route} asks another
 * framework. A request counts when its response has ended, also when the handler fails, the peer
 * hangs up, or the request goes on asynchronously. It is never slowed or failed by it: events go to
 * a {@link Tracker}, which neither waits nor throws. Nothing of bodies, queries or headers is read.
 *
 * <p>Map it to {@code /*}, before other filters, with asynchronous requests supported.
 */
public final class TallywireFilter implements Filter {
  private static final List<String> HEALTH_CHECKS =
      List.of("/health", "/healthz", "/livez", "/readyz", "/ping");
  private static final int SWITCHED_TO_ANOTHER_PROTOCOL = 101;

  private final CallRecorder<HttpServletRequest> recorder;
  private final Function<HttpServletRequest, String> route;

  private TallywireFilter(Builder builder) {
    this.recorder =
        new CallRecorder<>(builder.tracker, builder.identify, builder.excluded, builder.sampleRate);
    this.route = builder.route;
  }

  /**
   * Returns a builder of a filter.
   *
   * @param tracker takes the events; whoever made it closes it
   * @return the builder
   */
  public static Builder builder(Tracker tracker) {
    return new Builder(tracker);
  }

  @Override
  public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
      throws IOException, ServletException {
    Call call = begun(request, response);
    if (call == null) {
      chain.doFilter(request, response);
      return;
    }
    try {
      chain.doFilter(request, call.response);
    } catch (IOException | ServletException | RuntimeException | Error error) {
      call.hasFailed = true;
      throw error;
    } finally {
      call.returned();
    }
  }

  /** Returns what is to be counted, or null if nothing is. */
  private Call begun(ServletRequest request, ServletResponse response) {
    try {
      if (!(request instanceof HttpServletRequest)
          || !(response instanceof HttpServletResponse)
          || response instanceof CountingResponse) {
        return null;
      }
      HttpServletRequest http = (HttpServletRequest) request;
      String path = http.getRequestURI().substring(http.getContextPath().length());
      return recorder.wants(path) ? new Call(http, (HttpServletResponse) response) : null;
    } catch (RuntimeException error) {
      recorder.failed(error);
      return null;
    }
  }

  /** One request. */
  private final class Call implements AsyncListener {
    private final long begun = System.nanoTime();
    private final AtomicBoolean isRecorded = new AtomicBoolean();
    private final HttpServletRequest request;
    private final String method;
    private final CountingResponse response;
    private volatile boolean hasFailed;
    private volatile String endpoint;
    private volatile EventContext context = EventContext.empty();

    Call(HttpServletRequest request, HttpServletResponse response) {
      this.request = request;
      this.method = request.getMethod();
      this.response = new CountingResponse(response);
    }

    /** Notes what is known once the chain has returned, and counts unless the request goes on. */
    void returned() {
      try {
        // A container may use the request for another one, once it has ended asynchronously.
        endpoint = Routes.template(request, recorder.asked(route, request));
        context = recorder.identified(request);
        if (request.isAsyncStarted() && !hasFailed) {
          request.getAsyncContext().addListener(this);
          return;
        }
      } catch (IllegalStateException ended) {
        // It has ended asynchronously in this moment.
        recorder.failed(ended);
      } catch (RuntimeException error) {
        recorder.failed(error);
      }
      ended();
    }

    private void ended() {
      if (!isRecorded.compareAndSet(false, true)) {
        return;
      }
      try {
        int status = status();
        if (status == SWITCHED_TO_ANOTHER_PROTOCOL) {
          return; // A WebSocket, which may stay open for days.
        }
        ApiEvent event = recorder.event(endpoint, method, status, System.nanoTime() - begun);
        if (response.bytes() > 0) {
          event.responseBytes(response.bytes());
        }
        long received = request.getContentLengthLong();
        if (received >= 0) {
          event.requestBytes(received);
        }
        recorder.record(event, context);
      } catch (RuntimeException error) {
        recorder.failed(error);
      }
    }

    private int status() {
      if (response.isPeerGone()) {
        return 499;
      }
      return hasFailed ? 500 : response.getStatus();
    }

    @Override
    public void onComplete(AsyncEvent event) {
      ended();
    }

    @Override
    public void onTimeout(AsyncEvent event) {
      // Whoever deals with it, the container at last, sets the status before the end.
    }

    @Override
    public void onError(AsyncEvent event) {
      // As after a timeout.
    }

    @Override
    public void onStartAsync(AsyncEvent event) {
      event.getAsyncContext().addListener(this);
    }
  }

  /** Builds a filter. */
  public static final class Builder {
    private final Tracker tracker;
    private Function<? super HttpServletRequest, EventContext> identify = request -> null;
    private Function<HttpServletRequest, String> route = request -> null;
    private List<String> excluded = HEALTH_CHECKS;
    private double sampleRate = 1;

    private Builder(Tracker tracker) {
      this.tracker = tracker;
    }

    /**
     * Says who served whom.
     *
     * @param value returns the agent, user, conversation and so on of a request, or null; it is
     *     called once the handler has returned
     * @return this
     */
    public Builder identify(Function<? super HttpServletRequest, EventContext> value) {
      this.identify = value;
      return this;
    }

    /**
     * Says the template of the route, for frameworks other than Spring MVC.
     *
     * @param value returns a template such as {@code /orders/{id}}, or null to have it found out
     * @return this
     */
    public Builder route(Function<HttpServletRequest, String> value) {
      this.route = value;
      return this;
    }

    /**
     * Leaves out paths. The patterns take the place of the default, which leaves out health checks.
     *
     * @param patterns {@code *} stands for any text, and a slash at the end of a path does not
     *     count
     * @return this
     */
    public Builder exclude(String... patterns) {
      this.excluded = List.of(patterns);
      return this;
    }

    /**
     * Records each request with a probability only. Without it all are recorded, and figures are
     * exact.
     *
     * @param value from 0 to 1; events carry it as the property {@code sample_rate}
     * @return this
     */
    public Builder sampleRate(double value) {
      this.sampleRate = value;
      return this;
    }

    /**
     * Builds the filter.
     *
     * @return the filter
     * @throws IllegalArgumentException if the rate is not from 0 to 1
     */
    public TallywireFilter build() {
      return new TallywireFilter(this);
    }
  }
}
