package io.headrace.transform;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** All views of the project; one change at a time, and nobody who only asks waits for it. */
final class Views {
  private static final Logger LOGGER = LoggerFactory.getLogger(Views.class);

  enum Put { STARTED, THERE, OTHER }

  private final SparkSession _spark;
  private final Settings _settings;
  private final ViewStore _store;
  private final Boundaries _boundaries = new Boundaries();
  private final Rehearsal _rehearsal;
  private final Map<String, View> _views = new ConcurrentSkipListMap<>();

  Views(SparkSession spark, Settings settings, ViewStore store) {
    _spark = spark;
    _settings = settings;
    _store = store;
    _rehearsal = new Rehearsal(settings, _boundaries);
    spark.sparkContext().addSparkListener(_boundaries);
  }

  /** Starts every view that was kept. */
  synchronized void startAll()
      throws IOException {
    for (Map.Entry<String, ViewStore.Kept> kept : _store.load().entrySet()) {
      try {
        begin(understood(kept.getKey(), kept.getValue().document(), kept.getValue().startOffset()));
      } catch (Refused e) {
        LOGGER.error("view {} is kept but cannot be understood any more: {}", kept.getKey(), e.getMessage());
      }
    }
  }

  synchronized Put put(String name, JsonNode json)
      throws Refused, IOException {
    View present = _views.get(name);
    if (present != null) {
      return present.document().json().equals(json) ? Put.THERE : Put.OTHER;
    }
    View view = understood(name, json, 0);
    _store.removeCheckpoints(name);
    _store.keep(name, new ViewStore.Kept(json, 0));
    begin(view);
    return Put.STARTED;
  }

  synchronized void delete(String name)
      throws IOException, InterruptedException {
    _store.forget(name);
    View view = _views.get(name);
    if (view != null) {
      view.remove();
      _views.remove(name);
    }
    _store.removeCheckpoints(name);
  }

  View get(String name) {
    return _views.get(name);
  }

  Map<String, View> all() {
    return new TreeMap<>(_views);
  }

  private void begin(View view) {
    _views.put(view.document().name(), view);
    view.start();
    _rehearsal.beside(view);
  }

  /** Builds the whole query: Spark resolves every name and type without asking Kafka. */
  private View understood(String name, JsonNode json, long startOffset)
      throws Refused {
    try {
      return new View(_spark, _settings, _store, _boundaries, ViewDocument.parse(json, name), startOffset);
    } catch (ViewDocument.UnknownField e) {
      throw new Refused("document-refused", e.getMessage());
    } catch (RuntimeException e) {
      throw new Refused("document-refused", firstLine(e));
    } catch (Exception e) {
      if (e instanceof Refused refused) {
        throw refused;
      }
      // Scala does not declare what it throws.
      throw new Refused("document-refused", firstLine(e));
    }
  }

  private static String firstLine(Exception e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse(e.getClass().getSimpleName());
  }
}
