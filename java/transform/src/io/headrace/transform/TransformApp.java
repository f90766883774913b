package io.headrace.transform;

import org.apache.spark.sql.SparkSession;

/**
 * The views of one project as streaming queries in one JVM.
 *
 * <pre>
 * --port N --folder PATH [--mode real-time|micro-batch] [--batch-ms N]
 * </pre>
 */
public final class TransformApp {
  private TransformApp() {
  }

  public static void main(String[] arguments)
      throws Exception {
    Settings settings = Settings.parse(arguments);
    ViewStore store = new ViewStore(settings.folder());
    SparkSession spark = settings.session();
    Views views = new Views(spark, settings, store);
    HttpApi api = new HttpApi(settings.port(), views);
    api.start();
    views.startAll();
    api.up();
    Thread.currentThread().join();
  }
}
