package io.headrace.pinot;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.pinot.core.data.manager.InstanceDataManager;
import org.apache.pinot.segment.local.data.manager.SegmentDataManager;
import org.apache.pinot.segment.local.data.manager.TableDataManager;

/**
 * Puts {@link SegmentSnapshot} between the query executor and the tables: the two interfaces are wide and only the
 * calls that acquire and release segments differ, so they are proxied.
 */
final class SnapshotTables {
  private static final Map<String, Wrapped> WRAPPED = new ConcurrentHashMap<>();
  private static final ThreadLocal<Boolean> READS_DICTIONARY = ThreadLocal.withInitial(() -> false);

  private SnapshotTables() {
  }

  /** Says of the query this thread is about to run whether Pinot would answer it from a dictionary. */
  static void beginQuery(boolean readsDictionary) {
    READS_DICTIONARY.set(readsDictionary);
  }

  static void endQuery() {
    READS_DICTIONARY.remove();
  }

  static InstanceDataManager over(InstanceDataManager instance) {
    return proxy(InstanceDataManager.class, (self, method, arguments) -> {
      Object result = call(instance, method, arguments);
      if (!method.getName().equals("getTableDataManager") || result == null) {
        return result;
      }
      TableDataManager table = (TableDataManager) result;
      if (ArrivalUpsertMetadataManager.of(table.getTableName()) == null) {
        return table;
      }
      return WRAPPED.compute(table.getTableName(),
          (name, known) -> known != null && known._plain == table ? known : new Wrapped(table, over(table, instance)))
          ._proxy;
    });
  }

  /** Lets go of a table that was closed, with all it keeps in memory. */
  static void forget(String tableNameWithType) {
    WRAPPED.remove(tableNameWithType);
  }

  private static TableDataManager over(TableDataManager table, InstanceDataManager instance) {
    SegmentSnapshot snapshot =
        new SegmentSnapshot(table, instance.getPropertyStore(), ((PauselessTableDataManager) table)::assignment);
    return proxy(TableDataManager.class, (self, method, arguments) -> {
      switch (method.getName()) {
        case "acquireSegments":
          return snapshot.acquire(names(arguments[0]), READS_DICTIONARY.get());
        case "releaseSegment":
          table.releaseSegment(FrozenSegmentDataManager.unwrap((SegmentDataManager) arguments[0]));
          return null;
        default:
          return call(table, method, arguments);
      }
    });
  }

  @SuppressWarnings("unchecked")
  private static List<String> names(Object argument) {
    return (List<String>) argument;
  }

  private static <T> T proxy(Class<T> type, InvocationHandler handler) {
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[]{type}, handler));
  }

  private static Object call(Object target, Method method, Object[] arguments)
      throws Throwable {
    try {
      return method.invoke(target, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  /** A table and what the executor sees of it. */
  private static final class Wrapped {
    private final TableDataManager _plain;
    private final TableDataManager _proxy;

    Wrapped(TableDataManager plain, TableDataManager proxy) {
      _plain = plain;
      _proxy = proxy;
    }
  }
}
