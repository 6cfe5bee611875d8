import com.amazonaws.services.dynamodbv2.local.main.ServerRunner;
import com.amazonaws.services.dynamodbv2.local.server.DynamoDBProxyServer;
import java.lang.reflect.Field;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/**
 * Starts AWS's DynamoDB Local on 127.0.0.1 alone: by itself it listens on every interface, and has
 * no option for it. Takes the same arguments, and prints one line when it can be used.
 */
public class DynamoDBLocal {
    public static void main(String[] arguments) throws Exception {
        DynamoDBProxyServer proxy = ServerRunner.createServerFromCommandLineArgs(arguments);
        Field field = DynamoDBProxyServer.class.getDeclaredField("server");
        field.setAccessible(true);
        Server jetty = (Server) field.get(proxy);
        if (jetty.getConnectors().length == 0) {
            throw new IllegalStateException("this version of DynamoDB Local has no connector yet");
        }
        for (Connector connector : jetty.getConnectors()) {
            ((ServerConnector) connector).setHost("127.0.0.1");
        }
        proxy.start();
        int port = ((ServerConnector) jetty.getConnectors()[0]).getLocalPort();
        System.out.println("DynamoDB Local listens on http://127.0.0.1:" + port);
        proxy.join();
    }
}
