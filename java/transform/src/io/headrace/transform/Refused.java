package io.headrace.transform;

/** What was asked for cannot be done, and why; the message goes to whoever asked and holds no row's value. */
final class Refused extends Exception {
  private final String _code;

  Refused(String code, String message) {
    super(message);
    _code = code;
  }

  String code() {
    return _code;
  }
}
