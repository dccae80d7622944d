-- expect: error break
break
