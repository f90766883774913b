package io.headrace.transform;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.DelegateToFileSystem;
import org.apache.hadoop.fs.FsConstants;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;

/**
 * Hadoop's local file system, which holds the checkpoints, without its processes: where Hadoop's native library is
 * missing it starts a {@code chmod} for every file it creates, one after the other, while a view stands still at the
 * end of a batch.
 */
final class CheckpointFiles {
  private CheckpointFiles() {
  }

  /** Sets permissions itself. */
  public static final class Raw extends RawLocalFileSystem {
    @Override
    public void setPermission(Path path, FsPermission permission)
        throws IOException {
      Files.setPosixFilePermissions(pathToFile(path).toPath(),
          PosixFilePermissions.fromString(FsPermission.createImmutable((short) (permission.toShort() & 0777)).toString()));
    }
  }

  /** For {@code fs.file.impl}: with Hadoop's own checksums, as before. */
  public static final class Local extends LocalFileSystem {
    public Local() {
      super(new Raw());
    }
  }

  /** For {@code fs.AbstractFileSystem.file.impl}: without them, Spark has checksums of its own beside its files. */
  public static final class Plain extends DelegateToFileSystem {
    public Plain(URI uri, Configuration configuration)
        throws IOException, URISyntaxException {
      super(uri, new Raw(), configuration, FsConstants.LOCAL_FS_URI.getScheme(), false);
    }

    @Override
    public int getUriDefaultPort() {
      return -1;
    }
  }
}
