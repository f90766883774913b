package org.apache.pinot.core.transport;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.net.InetAddress;
import java.util.concurrent.TimeUnit;
import org.apache.pinot.common.config.NettyConfig;
import org.apache.pinot.common.config.TlsConfig;
import org.apache.pinot.common.metrics.ServerMetrics;
import org.apache.pinot.core.query.scheduler.QueryScheduler;
import org.apache.pinot.server.access.AccessControl;
import org.apache.pinot.server.access.AllowAllAccessFactory;

/**
 * Takes the broker's queries, on the loopback interface only.
 *
 * <p>It stands on the class path before Pinot's class of the same name, which listens on every interface,
 * cannot be told otherwise, and answers whoever connects. Everything else is as Pinot expects it.
 */
public class QueryServer {
  private static final int BACKLOG = 128;

  private final int _port;
  private final QueryScheduler _scheduler;
  private final ServerMetrics _metrics;
  private final TlsConfig _tls;
  private final AccessControl _access;
  private final EventLoopGroup _acceptors = new NioEventLoopGroup();
  private final EventLoopGroup _workers = new NioEventLoopGroup();
  private Channel _channel;

  public QueryServer(int port, QueryScheduler scheduler, ServerMetrics metrics, NettyConfig netty) {
    this(port, scheduler, metrics, netty, null, new AllowAllAccessFactory().create());
  }

  public QueryServer(int port, QueryScheduler scheduler, ServerMetrics metrics, NettyConfig netty,
      TlsConfig tls, AccessControl access) {
    _port = port;
    _scheduler = scheduler;
    _metrics = metrics;
    _tls = tls;
    _access = access;
  }

  /** Returns once it listens. */
  public void start() {
    ServerBootstrap bootstrap = new ServerBootstrap().group(_acceptors, _workers)
        .channel(NioServerSocketChannel.class)
        .option(ChannelOption.SO_BACKLOG, BACKLOG)
        .childOption(ChannelOption.SO_KEEPALIVE, true)
        .childHandler(new Connection());
    try {
      _channel = bootstrap.bind(InetAddress.getLoopbackAddress(), _port).sync().channel();
    } catch (Exception e) {
      stopThreads();
      throw new IllegalStateException("Cannot listen for queries on loopback port " + _port, e);
    }
  }

  /** Takes no query any more. */
  public void shutDown() {
    try {
      _channel.close().sync();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      stopThreads();
    }
  }

  private void stopThreads() {
    _workers.shutdownGracefully(0, 0, TimeUnit.SECONDS);
    _acceptors.shutdownGracefully(0, 0, TimeUnit.SECONDS);
  }

  private final class Connection extends ChannelInitializer<SocketChannel> {
    @Override
    protected void initChannel(SocketChannel channel) {
      ChannelPipeline pipeline = channel.pipeline();
      if (_tls != null) {
        pipeline.addLast(ChannelHandlerFactory.SSL, ChannelHandlerFactory.getServerTlsHandler(_tls, channel));
      }
      pipeline.addLast(ChannelHandlerFactory.getLengthFieldBasedFrameDecoder());
      pipeline.addLast(ChannelHandlerFactory.getLengthFieldPrepender());
      pipeline.addLast(ChannelHandlerFactory.getInstanceRequestHandler(_scheduler, _metrics, _access));
    }
  }
}
