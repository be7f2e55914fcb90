//! What `--help` shows last: commands to copy.

pub const ALL: &str = "\
Examples:
  stepwell demo                                   train, deploy and ask a model, end to end
  stepwell serve                                  serve on http://127.0.0.1:4566, data in ./.stepwell
  eval \"$(stepwell env)\"                          point this shell's AWS clients at the server
  stepwell run hello.asl.json --input '{\"a\": 1}'  run a state machine without a server
  stepwell watch EXECUTION_ARN                    its picture, live
  stepwell history EXECUTION_ARN                  what an execution did";

pub const SERVE: &str = "\
Examples:
  stepwell serve                                      on http://127.0.0.1:4566, data in ./.stepwell
  stepwell serve --data /var/lib/stepwell --jobs 2    another folder, two jobs at once
  stepwell serve --listen 127.0.0.1:0                 on a free port, which the log tells";

pub const ENV: &str = "\
Examples:
  eval \"$(stepwell env)\"                             for this shell
  stepwell env --format dotenv > .env                 for tools that read .env files
  stepwell env --format python                        a cell for a notebook";

pub const DEMO: &str = "\
Examples:
  stepwell demo                                       everything in a temporary folder
  stepwell demo --data ./demo                         keep it; `stepwell serve --data ./demo` goes on with it";

pub const RUN: &str = "\
Examples:
  stepwell run hello.asl.json --input '{\"a\": 1}'
  stepwell run train.asl.json --input @input.json --put train.csv=s3://bucket/train.csv
  stepwell run hello.asl.json --endpoint http://127.0.0.1:4566    on a server";

pub const START: &str = "\
Examples:
  stepwell start hello --input '{\"a\": 1}'
  stepwell start hello --name one --input @input.json";

pub const DESCRIBE: &str = "\
Examples:
  stepwell describe hello
  stepwell describe arn:aws:states:us-east-1:000000000000:execution:hello:one --output json";

pub const LIST: &str = "\
Examples:
  stepwell list                                       state machines
  stepwell list hello --status failed                 executions of one";

pub const HISTORY: &str = "\
Examples:
  stepwell history arn:aws:states:us-east-1:000000000000:execution:hello:one
  stepwell history EXECUTION_ARN --reverse --limit 5  the newest five events";

pub const GRAPH: &str = "\
Examples:
  stepwell graph hello.asl.json                       in the terminal
  stepwell graph hello.asl.json -o hello.svg          or hello.mmd, hello.txt, hello.json
  stepwell graph EXECUTION_ARN -o run.svg             with how far it has come";

pub const WATCH: &str = "\
Examples:
  stepwell watch arn:aws:states:us-east-1:000000000000:execution:hello:one
  stepwell watch \"$(stepwell start hello)\"";

pub const STOP: &str = "\
Examples:
  stepwell stop arn:aws:states:us-east-1:000000000000:execution:hello:one --cause 'wrong data'";

pub const LOGS: &str = "\
Examples:
  stepwell logs my-training-job --follow
  stepwell logs my-endpoint";

pub const VALIDATE: &str = "\
Examples:
  stepwell validate hello.asl.json
  stepwell validate hello.asl.json --output json";

pub const BENCH: &str = "\
Examples:
  stepwell bench                                      everything, some three minutes
  stepwell bench s1 s2 --seconds 5                    two scenarios, five seconds each
  stepwell bench map --count 100000                   a smaller Distributed Map";

pub const TOP: &str = "\
Examples:
  stepwell top                                        every two seconds, until Ctrl-C
  stepwell top --once                                 all since the server started";
