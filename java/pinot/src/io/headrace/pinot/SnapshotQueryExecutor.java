package io.headrace.pinot;

import io.grpc.stub.StreamObserver;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import javax.annotation.Nullable;
import org.apache.commons.configuration.ConfigurationException;
import org.apache.pinot.common.utils.DataTable;
import org.apache.pinot.core.common.datatable.DataTableFactory;
import org.apache.pinot.common.exception.QueryException;
import org.apache.pinot.common.metrics.ServerMetrics;
import org.apache.pinot.common.proto.Server;
import org.apache.pinot.core.data.manager.InstanceDataManager;
import org.apache.pinot.core.query.executor.ServerQueryExecutorV1Impl;
import org.apache.pinot.core.query.request.ServerQueryRequest;
import org.apache.pinot.core.query.request.context.QueryContext;
import org.apache.pinot.core.query.request.context.utils.QueryContextUtils;
import org.apache.pinot.spi.env.PinotConfiguration;

/**
 * Pinot's query executor over frozen segments: named by {@code pinot.server.query.executor.class}.
 *
 * <p>Promise, for tables kept by {@link ArrivalUpsertMetadataManager}: a query sees all live segments of a partition as
 * of one point of its log; nothing is answered before the partitions have caught up after a start; with the query option
 * {@code headraceAfter='0:1234,1:99'} nothing is answered before everything below these offsets (partition:offset) is in.
 * A partition whose log was lost ({@link Progress#lost}) answers neither of the two: after a start nor with the option.
 * Whatever cannot be answered so is an exception in the response, never a number.
 */
public final class SnapshotQueryExecutor extends ServerQueryExecutorV1Impl {
  private static final String AFTER_OPTION = "headraceAfter";
  private static final long DEFAULT_WAIT_MS = 10_000L;

  @Override
  public synchronized void init(PinotConfiguration config, InstanceDataManager instanceDataManager,
      ServerMetrics serverMetrics)
      throws ConfigurationException {
    super.init(config, SnapshotTables.over(instanceDataManager), serverMetrics);
  }

  @Override
  public DataTable processQuery(ServerQueryRequest request, ExecutorService executorService,
      @Nullable StreamObserver<Server.ServerResponse> responseObserver) {
    ArrivalUpsertMetadataManager manager = ArrivalUpsertMetadataManager.of(request.getTableNameWithType());
    if (manager == null) {
      return super.processQuery(request, executorService, responseObserver);
    }
    try {
      awaitOption(request);
      SnapshotTables.beginQuery(readsDictionary(request.getQueryContext()));
      return super.processQuery(request, executorService, responseObserver);
    } catch (NotAnswerable e) {
      DataTable refusal = DataTableFactory.getEmptyDataTable();
      refusal.addException(QueryException.getException(QueryException.BROKER_SEGMENT_UNAVAILABLE_ERROR, e.getMessage()));
      return refusal;
    } finally {
      SnapshotTables.endQuery();
    }
  }

  /** SELECT DISTINCT of one column without a filter: Pinot would list its dictionary, dead rows included. */
  private static boolean readsDictionary(QueryContext query) {
    return query.getFilter() == null && !query.isNullHandlingEnabled() && QueryContextUtils.isDistinctQuery(query);
  }

  private static void awaitOption(ServerQueryRequest request) {
    Map<String, String> options = request.getQueryContext().getQueryOptions();
    String after = options == null ? null : options.get(AFTER_OPTION);
    if (after == null) {
      return;
    }
    String timeoutMs = options.get("timeoutMs");
    long deadlineMs = System.currentTimeMillis() + (timeoutMs == null ? DEFAULT_WAIT_MS : Long.parseLong(timeoutMs));
    for (String part : after.split(",")) {
      String[] pair = part.trim().split(":");
      int partition = Integer.parseInt(pair[0]);
      long offset = Long.parseLong(pair[1]);
      Progress progress = Progress.of(request.getTableNameWithType(), partition);
      try {
        if (!progress.await(offset, deadlineMs)) {
          String lost = progress.lost();
          if (lost != null) {
            throw NotAnswerable.logLost(request.getTableNameWithType(), partition, lost);
          }
          throw new NotAnswerable("headrace: offset " + offset + " of partition " + partition + " was not reached in time");
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new NotAnswerable("headrace: interrupted while waiting for offset " + offset);
      }
    }
  }
}
