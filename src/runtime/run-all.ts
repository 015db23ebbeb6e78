/**
 * Waits until all loops of an app have ended. When one fails, the others are aborted; rejects with the first failure
 * once they have ended.
 */
export async function runAll(app: { abort(): void }, loops: readonly Promise<unknown>[]): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  const settled = loops.map((loop) =>
    loop.catch((error: unknown) => {
      failure ??= { error };
      app.abort();
    }),
  );
  await Promise.all(settled);
  if (failure !== undefined) throw failure.error;
}
