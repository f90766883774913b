package io.headrace.pinot;

import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.apache.pinot.common.utils.LLCSegmentName;
import org.apache.pinot.spi.utils.CommonConstants.Helix.StateModel.SegmentStateModel;

/** What this server is to serve of a table, as the ideal state says; the broker's routing comes later. */
final class Assignment {
  private final Set<String> _segments = new HashSet<>();
  private final Set<Integer> _partitions = new HashSet<>();

  /** @param states by segment, the state each server is to have it in */
  Assignment(Map<String, Map<String, String>> states, String server) {
    Set<Integer> elsewhere = new HashSet<>();
    states.forEach((segment, byServer) -> {
      LLCSegmentName name = LLCSegmentName.of(segment);
      String state = byServer.get(server);
      if (SegmentStateModel.ONLINE.equals(state) || SegmentStateModel.CONSUMING.equals(state)) {
        _segments.add(segment);
      }
      if (name != null) {
        (byServer.keySet().equals(Set.of(server)) ? _partitions : elsewhere).add(name.getPartitionGroupId());
      }
    });
    _partitions.removeAll(elsewhere);
  }

  /** To be online or consuming here. */
  Set<String> segments() {
    return _segments;
  }

  /** Those that no other server could answer for: each query of the table is about them, routed or not. */
  Set<Integer> partitions() {
    return _partitions;
  }
}
