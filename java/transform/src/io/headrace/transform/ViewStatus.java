package io.headrace.transform;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** How one view is doing; message and code say why it is not running, never with a row's value. */
record ViewStatus(State state, String code, String message, long startOffset, long restarts, long batches,
    Long lastBoundaryPauseMs, Long maxBoundaryPauseMs) {
  enum State { STARTING, RUNNING, RESTARTING, FAILED }

  ObjectNode toJson() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("state", state.name().toLowerCase());
    json.put("code", code);
    json.put("message", message);
    json.put("start_offset", startOffset);
    json.put("restarts", restarts);
    json.put("batches", batches);
    json.put("last_boundary_pause_ms", lastBoundaryPauseMs);
    json.put("max_boundary_pause_ms", maxBoundaryPauseMs);
    return json;
  }
}
