package driver;

/** A message that cannot be carried out; the SDK was not asked. */
final class ProtocolError extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ProtocolError(String message) {
        super(message);
    }
}
