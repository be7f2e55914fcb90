// `POST /_stepwell/graph`: the picture of a definition, a state machine or an execution.

import { send } from '../api/call';
import type { Picture } from '../api/types';

export async function picture(
  of: { definition?: string; executionArn?: string; stateMachineArn?: string },
  signal?: AbortSignal,
): Promise<Picture> {
  const response = await send('states', {
    method: 'POST',
    path: '/_stepwell/graph',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(of),
    ...(signal ? { signal } : {}),
  });
  return (await response.json()) as Picture;
}
