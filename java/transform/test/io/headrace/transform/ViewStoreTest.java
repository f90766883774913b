package io.headrace.transform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ViewStoreTest {
  @TempDir
  Path _folder;

  private static ViewStore.Kept kept(long startOffset)
      throws Exception {
    return new ViewStore.Kept(new ObjectMapper().readTree("{\"name\":\"v\"}"), startOffset);
  }

  @Test
  void keepsTheLastThatWasNotedWithTheCheckpointThatBelongsToIt()
      throws Exception {
    ViewStore store = new ViewStore(_folder);
    store.keep("v", kept(0));
    Files.createDirectories(store.checkpoint("v", 0).resolve("offsets"));
    store.keep("v", kept(18));
    Files.createDirectories(store.checkpoint("v", 18).resolve("offsets"));
    assertEquals(kept(18), new ViewStore(_folder).load().get("v"));
    assertFalse(Files.exists(store.checkpoint("v", 0)));
    assertTrue(Files.exists(store.checkpoint("v", 18)));
  }

  @Test
  void forgetsWholly()
      throws Exception {
    ViewStore store = new ViewStore(_folder);
    store.keep("v", kept(0));
    store.keep("w", kept(0));
    Files.createDirectories(store.checkpoint("v", 0).resolve("state"));
    store.forget("v");
    Files.writeString(_folder.resolve("views").resolve("x.json.new"), "half");
    assertEquals(Set.of("w"), new ViewStore(_folder).load().keySet());
    assertFalse(Files.exists(store.checkpoint("v", 0).getParent()));
  }

  @Test
  void forgetsWhatIsStillBeingWrittenTo()
      throws Exception {
    ViewStore store = new ViewStore(_folder);
    store.keep("v", kept(0));
    Path state = store.checkpoint("v", 0).resolve("state");
    Files.createDirectories(state);
    Thread writer = new Thread(() -> {
      for (int count = 0; count < 300; count++) {
        try {
          Files.createDirectories(state.resolve(String.valueOf(count)));
          Thread.sleep(1);
        } catch (Exception e) {
          // The folder went away beneath it: what this is about.
        }
      }
    });
    writer.start();
    while (!Files.exists(state.resolve("20"))) {
      Thread.onSpinWait();
    }
    store.forget("v");
    store.removeCheckpoints("v");
    writer.join();
    store.removeCheckpoints("v");
    assertFalse(Files.exists(store.checkpoint("v", 0).getParent()));
  }

  @Test
  void offsetsWithoutTheirCommitAreDropped()
      throws Exception {
    Path checkpoint = _folder.resolve("c");
    Files.createDirectories(checkpoint.resolve("offsets"));
    Files.createDirectories(checkpoint.resolve("commits"));
    for (String name : new String[]{"9", "10"}) {
      Files.writeString(checkpoint.resolve("offsets").resolve(name), "");
      Files.writeString(checkpoint.resolve("offsets").resolve("." + name + ".crc"), "");
    }
    Files.writeString(checkpoint.resolve("commits").resolve("9"), "");
    Checkpoints.dropUncommitted(checkpoint);
    assertTrue(Files.exists(checkpoint.resolve("offsets").resolve("9")));
    assertFalse(Files.exists(checkpoint.resolve("offsets").resolve("10")));
    assertFalse(Files.exists(checkpoint.resolve("offsets").resolve(".10.crc")));
    Checkpoints.dropUncommitted(_folder.resolve("none"));
  }
}
