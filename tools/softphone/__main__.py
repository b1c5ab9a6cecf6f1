from tools.softphone.command import main

main()
