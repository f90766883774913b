package io.headrace.transform;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Comparator;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The views on disk: one file per view with its document and the offset it starts at, and its checkpoints by that offset.
 *
 * <p>Promise: a file is whole or not there, also after a crash at any moment; a checkpoint belongs to the start offset it
 * is named after, so noting another one begins with an empty state.
 */
final class ViewStore {
  private static final String SUFFIX = ".json";
  /** Of what {@link ViewQuery} keeps in a checkpoint: another one begins anew, and gives the same results again. */
  private static final String STATE_FORMAT = "2";
  private static final Duration LATE_WRITERS = Duration.ofSeconds(30);

  private final Path _documents;
  private final Path _checkpoints;
  private final ObjectMapper _mapper = new ObjectMapper();

  /** What is kept of one view. */
  record Kept(JsonNode document, long startOffset) {
  }

  ViewStore(Path folder)
      throws IOException {
    _documents = Files.createDirectories(folder.resolve("views"));
    _checkpoints = Files.createDirectories(folder.resolve("checkpoints"));
  }

  /** Every view that was kept, by name; checkpoints of views that are not any more are removed. */
  Map<String, Kept> load()
      throws IOException {
    Map<String, Kept> kept = new TreeMap<>();
    for (Path file : list(_documents)) {
      String name = file.getFileName().toString();
      if (name.endsWith(SUFFIX)) {
        JsonNode content = _mapper.readTree(Files.readAllBytes(file));
        kept.put(name.substring(0, name.length() - SUFFIX.length()),
            new Kept(content.get("document"), content.get("start_offset").asLong()));
      } else {
        Files.delete(file);
      }
    }
    for (Path folder : list(_checkpoints)) {
      Kept view = kept.get(folder.getFileName().toString());
      for (Path checkpoint : list(folder)) {
        if (view == null || !checkpoint.equals(checkpoint(folder.getFileName().toString(), view.startOffset()))) {
          remove(checkpoint);
        }
      }
      if (view == null) {
        remove(folder);
      }
    }
    return kept;
  }

  void keep(String name, Kept view)
      throws IOException {
    ObjectNode content = _mapper.createObjectNode();
    content.set("document", view.document());
    content.put("start_offset", view.startOffset());
    Path aside = _documents.resolve(name + ".new");
    try (FileChannel file = FileChannel.open(aside, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
        StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer bytes = ByteBuffer.wrap(content.toString().getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        file.write(bytes);
      }
      file.force(true);
    }
    Files.move(aside, _documents.resolve(name + SUFFIX), StandardCopyOption.ATOMIC_MOVE);
    sync(_documents);
  }

  /** Forgets the view first, so that nothing starts it again whatever happens to the rest. */
  void forget(String name)
      throws IOException {
    Files.deleteIfExists(_documents.resolve(name + SUFFIX));
    sync(_documents);
  }

  void removeCheckpoints(String name)
      throws IOException {
    remove(_checkpoints.resolve(name));
  }

  void removeCheckpoint(String name, long startOffset)
      throws IOException {
    remove(checkpoint(name, startOffset));
  }

  Path checkpoint(String name, long startOffset) {
    return _checkpoints.resolve(name).resolve(startOffset + "." + STATE_FORMAT);
  }

  private static Path[] list(Path folder)
      throws IOException {
    try (Stream<Path> found = Files.list(folder)) {
      return found.sorted().toArray(Path[]::new);
    }
  }

  /** Removes a folder that a stopped query may still write into for a moment. */
  static void remove(Path path)
      throws IOException {
    long deadline = System.nanoTime() + LATE_WRITERS.toNanos();
    while (Files.exists(path)) {
      try {
        removeOnce(path);
      } catch (IOException | UncheckedIOException e) {
        if (System.nanoTime() > deadline) {
          throw e;
        }
        pause();
      }
    }
  }

  private static void removeOnce(Path path)
      throws IOException {
    try (Stream<Path> inside = Files.walk(path)) {
      for (Path one : inside.sorted(Comparator.reverseOrder()).toArray(Path[]::new)) {
        Files.deleteIfExists(one);
      }
    }
  }

  private static void pause()
      throws IOException {
    try {
      Thread.sleep(50);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException();
    }
  }

  private static void sync(Path folder)
      throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
