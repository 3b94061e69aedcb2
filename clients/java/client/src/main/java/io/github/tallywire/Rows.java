package io.github.tallywire;

import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * The rows of a list in pages. Pages are read as their rows are taken, in the caller's thread; a
 * page that cannot be read throws a {@link TallywireException} from the iterator.
 *
 * @param <T> the type of a row
 */
public final class Rows<T> implements Iterable<T> {
  private final Function<String, Page<T>> read;
  private final String firstToken;

  <P> Rows(
      Function<String, P> page,
      String firstToken,
      Function<P, List<T>> rows,
      Function<P, String> nextToken) {
    this.read =
        token -> {
          P found = page.apply(token);
          return new Page<>(rows.apply(found), nextToken.apply(found));
        };
    this.firstToken = firstToken;
  }

  @Override
  public Iterator<T> iterator() {
    return new PagingIterator<>(read, firstToken);
  }

  /**
   * Returns the rows as a stream.
   *
   * @return a sequential stream, which begins with the first page
   */
  public Stream<T> stream() {
    return StreamSupport.stream(spliterator(), false);
  }

  private static final class Page<T> {
    private final List<T> rows;
    private final String nextToken;

    Page(List<T> rows, String nextToken) {
      this.rows = rows;
      this.nextToken = nextToken;
    }
  }

  private static final class PagingIterator<T> implements Iterator<T> {
    private final Function<String, Page<T>> read;
    private String token;
    private Iterator<T> rows = List.<T>of().iterator();
    private boolean isLast;

    PagingIterator(Function<String, Page<T>> read, String token) {
      this.read = read;
      this.token = token;
    }

    @Override
    public boolean hasNext() {
      while (!rows.hasNext() && !isLast) {
        Page<T> page = read.apply(token);
        rows = page.rows.iterator();
        token = page.nextToken;
        isLast = token.isEmpty();
      }
      return rows.hasNext();
    }

    @Override
    public T next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return rows.next();
    }
  }
}
