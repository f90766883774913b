package io.headrace.transform;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The views over HTTP on the loopback interface. */
final class HttpApi {
  private static final Logger LOGGER = LoggerFactory.getLogger(HttpApi.class);
  private static final String VIEWS = "/views";
  private static final int THREADS = 4;

  private final Views _views;
  private final HttpServer _server;
  private final ObjectMapper _mapper = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
  private volatile boolean _up;

  private record Answer(int status, JsonNode body) {
  }

  HttpApi(int port, Views views)
      throws IOException {
    _views = views;
    String bind = System.getProperty("headrace.bind", "127.0.0.1");
    _server = HttpServer.create(new InetSocketAddress(InetAddress.getByName(bind), port), 0);
    _server.setExecutor(Executors.newFixedThreadPool(THREADS, task -> {
      Thread thread = new Thread(task, "http");
      thread.setDaemon(true);
      return thread;
    }));
    _server.createContext("/", this::handle);
  }

  void start() {
    _server.start();
  }

  /** From now on it can be relied upon that every known view has been asked to start. */
  void up() {
    _up = true;
  }

  private void handle(HttpExchange exchange)
      throws IOException {
    Answer answer;
    try {
      answer = answer(exchange);
    } catch (Refused e) {
      answer = error(400, e.code(), e.getMessage());
    } catch (JsonProcessingException e) {
      answer = error(400, "document-refused", "the body is no JSON");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      answer = error(503, "stopping", "the application stops");
    } catch (IOException | RuntimeException e) {
      LOGGER.error("{} {}: {}", exchange.getRequestMethod(), exchange.getRequestURI().getPath(), e.getClass().getName());
      answer = error(500, "failed", e.getClass().getSimpleName());
    }
    byte[] body = answer.body() == null ? new byte[0] : _mapper.writeValueAsBytes(answer.body());
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(answer.status(), body.length == 0 ? -1 : body.length);
    if (body.length > 0) {
      exchange.getResponseBody().write(body);
    }
    exchange.close();
  }

  private Answer answer(HttpExchange exchange)
      throws Refused, IOException, InterruptedException {
    String path = exchange.getRequestURI().getPath();
    String method = exchange.getRequestMethod();
    if (path.equals("/health")) {
      return new Answer(_up ? 200 : 503, _mapper.createObjectNode().put("status", _up ? "UP" : "STARTING"));
    }
    if (!_up) {
      return error(503, "starting", "the application is not up yet");
    }
    if (path.equals(VIEWS) && method.equals("GET")) {
      ObjectNode all = _mapper.createObjectNode();
      _views.all().forEach((name, view) -> all.set(name, view.status().toJson()));
      return new Answer(200, all);
    }
    String name = path.startsWith(VIEWS + "/") ? path.substring(VIEWS.length() + 1) : "";
    if (!ViewDocument.NAME.matcher(name).matches()) {
      return error(404, "no-such-address", "there are /health, /views and /views/NAME");
    }
    return switch (method) {
      case "GET" -> get(name);
      case "PUT" -> put(name, _mapper.readTree(exchange.getRequestBody()));
      case "DELETE" -> delete(name);
      default -> error(405, "method-not-allowed", "GET, PUT and DELETE are");
    };
  }

  private Answer get(String name) {
    View view = _views.get(name);
    if (view == null) {
      return error(404, "no-such-view", "there is no view of that name");
    }
    ObjectNode body = _mapper.createObjectNode();
    body.set("document", view.document().json());
    body.set("status", view.status().toJson());
    return new Answer(200, body);
  }

  private Answer put(String name, JsonNode document)
      throws Refused, IOException {
    return switch (_views.put(name, document)) {
      case STARTED -> new Answer(201, _views.get(name).status().toJson());
      case THERE -> new Answer(200, _views.get(name).status().toJson());
      case OTHER -> error(409, "view-differs", "a view of that name runs from another document");
    };
  }

  private Answer delete(String name)
      throws IOException, InterruptedException {
    _views.delete(name);
    return new Answer(204, null);
  }

  private Answer error(int status, String code, String message) {
    return new Answer(status, _mapper.createObjectNode().put("code", code).put("message", message));
  }
}
